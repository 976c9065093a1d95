import { basename } from 'node:path';
import type { Emit } from '../../kit/events.ts';
import { failuresOf } from '../../kit/failure.ts';
import type { Service, WatchRule } from '../../project/types.ts';
import type { Api } from '../../runtime/docker/engine/types.ts';
import { syncInto } from '../../runtime/docker/sync.ts';
import { initialSync } from '../../runtime/watch/initial.ts';
import { watchPaths } from '../../runtime/watch/paths.ts';
import { changesFor, type Reaction, type SyncedPath } from '../../runtime/watch/reactions.ts';
import { type Rules, rulesFor } from '../../runtime/watch/rules.ts';

/** What carries the reactions out. */
export interface FollowedContainers {
  /** Those that run in containers; the ones without watch rules are left alone, as by Compose. */
  readonly services: readonly Service[];
  readonly api: Pick<Api, 'putArchive' | 'exec' | 'inspectContainer'>;
  readonly signal: AbortSignal;
  readonly emit: Emit;
  /** The text of a file, undefined where there is none. */
  read(path: string): string | undefined;
  /** The running containers of a service. */
  containersOf(service: string): readonly string[];
  /** Builds the images and replaces the containers. */
  rebuild(services: readonly string[]): Promise<void>;
  restart(service: string): Promise<void>;
}

/**
 * Follows `develop.watch` of services in containers: first what `initial_sync` asks for, then every change, one batch after
 * another. What goes wrong is a warning, and the next change is followed all the same. Returns how to end it.
 */
export function followContainers(followed: FollowedContainers): () => void {
  const all = followed.services
    .filter(({ watch }) => watch.length > 0)
    .map((service) => rulesFor(service, (path) => followed.read(path)));
  if (all.length === 0 || followed.signal.aborted) return () => undefined;
  let turn: Promise<void> = Promise.resolve();
  const watching = watchPaths({
    roots: [...new Set(all.flatMap(({ paths }) => paths))],
    ignoresFolder: (path) => all.every((rules) => rules.ignoresFolder(path)),
    ignoresFile: (path) => all.every((rules) => rules.matches(path).length === 0),
    onChange: (paths) => then(changesFor(all, paths)),
    onNote: (message) => followed.emit({ type: 'note', message }),
  });
  followed.signal.addEventListener('abort', watching.close, { once: true });
  then(all.flatMap(initialReaction));
  return () => {
    followed.signal.removeEventListener('abort', watching.close);
    watching.close();
  };

  function then(reactions: readonly Reaction[]): void {
    turn = turn.then(async () => {
      try {
        await carryOut(followed, reactions);
      } catch (error) {
        if (followed.signal.aborted) return;
        for (const found of failuresOf(error))
          followed.emit({ type: 'warning', message: found.message, failure: found });
      }
    });
  }
}

function initialReaction(rules: Rules): readonly Reaction[] {
  const changes = initialSync(rules);
  return changes.length > 0 ? [{ kind: 'sync', service: rules.service, changes }] : [];
}

async function carryOut(followed: FollowedContainers, reactions: readonly Reaction[]): Promise<void> {
  const rebuilt = reactions.filter((reaction) => reaction.kind === 'rebuild');
  for (const { service, paths } of rebuilt)
    note(followed, service, `${words(paths)} changed, its image is built again`);
  if (rebuilt.length > 0) await followed.rebuild(rebuilt.map(({ service }) => service));
  for (const reaction of reactions) {
    followed.signal.throwIfAborted();
    switch (reaction.kind) {
      case 'rebuild':
        break;
      case 'sync':
        await sync(followed, reaction.service, reaction.changes);
        break;
      case 'restart':
        note(followed, reaction.service, `${words(reaction.paths)} changed, it is restarted`);
        await followed.restart(reaction.service);
        break;
      case 'exec':
        await run(followed, reaction.service, reaction.rule);
    }
  }
}

async function sync(followed: FollowedContainers, service: string, changes: readonly SyncedPath[]): Promise<void> {
  const { api, signal } = followed;
  await Promise.all(followed.containersOf(service).map((container) => syncInto(api, container, changes, signal)));
  note(followed, service, `${words(changes.map(({ path }) => path))} brought into its container`);
}

async function run(followed: FollowedContainers, service: string, { exec }: WatchRule): Promise<void> {
  if (!exec) return;
  const { command, user, workDir, env } = exec;
  const how = { env, ...(user === undefined ? {} : { user }), ...(workDir === undefined ? {} : { cwd: workDir }) };
  const options = { signal: followed.signal, deadlineMs: 60_000 };
  for (const container of followed.containersOf(service)) {
    const { exitCode, stdout, stderr } = await followed.api.exec(container, command, how, options);
    const last = `${stdout}${stderr}`.trim().split('\n').at(-1) ?? '';
    if (exitCode !== 0) {
      const message = `${command.join(' ')} of develop.watch ended with ${exitCode}${last && `: ${last}`}`;
      followed.emit({ type: 'warning', message: `${service}: ${message}` });
    } else note(followed, service, `${command[0]} has run`);
  }
}

function note({ emit }: FollowedContainers, subject: string, message: string): void {
  emit({ type: 'note', subject, message });
}

function words(paths: readonly string[]): string {
  const [first = '', ...more] = paths;
  return more.length === 0 ? basename(first) : `${basename(first)} and ${more.length} more`;
}
