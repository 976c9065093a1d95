import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CampError, fail, failuresOf } from '../kit/failure.ts';
import { makeFolder, writeWhole } from '../kit/files.ts';
import { hashOf } from '../kit/hash.ts';
import { runCommand } from '../kit/spawn.ts';
import { adapt } from './adapt.ts';
import { askingProgram } from './adapt-program.ts';
import { rememberingAsk } from './adapted-before.ts';
import { createAnswering } from './answering.ts';
import { authorityFiles } from './authority.ts';
import { beatOf, portsOf } from './beat.ts';
import { authorityApp, ensureAuthority } from './ca.ts';
import { contained } from './contained.ts';
import { createContainerAdmin, innerAdmin } from './container-admin.ts';
import { superviseContainer } from './container-life.ts';
import { edgeFolder, innerFolder, runScript } from './container-shape.ts';
import { drain } from './drain.ts';
import { createProber } from './first-request.ts';
import type { JsonObject } from './json.ts';
import { leavesFor } from './leaves.ts';
import { load, refusalOf } from './load.ts';
import { patch } from './patch.ts';
import { tryPorts } from './sockets.ts';
import type { ContainerEdgeSetup, Edge, Route, Wanted } from './types.ts';

/** How often a change is tried again on a container that was just started again. */
const maxAttempts = 3;
/** A machine that slept has lost time that no timer counts: the clock is looked at this often. */
const renewalCheckMs = 60_000;

/** What the running Caddy has. */
interface Loaded {
  readonly hash: string;
  readonly config: JsonObject;
  readonly wanted: Wanted;
  /** When the first of its certificates is to be replaced, in milliseconds since the epoch. */
  readonly dueAt: number;
}

/**
 * The edge of one project in a container beside those of its services. The container is made by the first `route`,
 * with that configuration; `start` only prepares. Certificates are issued by the Caddy of this machine, so that
 * the CA's keys stay with the user; only leaves get in.
 */
export function createContainerEdge(setup: ContainerEdgeSetup): Edge {
  const { container, projectDir, ports } = setup;
  const folder = edgeFolder(setup);
  const configFile = join(folder, 'caddy.json');
  const own = { storage: '/data/caddy', adminListen: innerAdmin, id: `camp-${randomBytes(8).toString('hex')}` };
  const admin = createContainerAdmin(container, folder);
  const life = superviseContainer(setup, admin, own.id);
  const caFile = authorityFiles(setup.storage).root;
  const prober = createProber(caFile);
  const answering = createAnswering(
    container.isBesides
      ? join(process.cwd() === projectDir ? setup.runDir : resolve(projectDir, setup.runDir), 'edge', 'names.sock')
      : undefined,
    `unix/${innerFolder}/names.sock`,
  );
  let loaded: Loaded | undefined;
  let renewal: NodeJS.Timeout | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let end = new AbortController();
  /** Certificates that are issued while there is nothing else to do. */
  let foreseen: Promise<unknown> = Promise.resolve();
  let last: { readonly text: string; readonly adapted: ReturnType<typeof adapt> } | undefined;

  /** Asking costs a process: the same text is not asked for again, unless it draws in files that may have changed. */
  function adapted(caddyfile: Wanted['caddyfile'], signal: AbortSignal): ReturnType<typeof adapt> {
    const { text } = caddyfile;
    if (last?.text === text) return last.adapted;
    const ask = rememberingAsk(askingProgram(setup, signal), setup.memory, setup);
    const asked = adapt(ask, caddyfile, projectDir, setup.env);
    last = /^\s*import\b/m.test(text) ? undefined : { text, adapted: asked };
    asked.catch(() => {
      last = undefined;
    });
    return asked;
  }

  /** One change at a time; a failed one does not stop the next. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  /** Those of the edge always, so that a container that was created before the Caddyfile was read has the right ones. */
  function publishedBy(config: JsonObject): readonly number[] {
    const usual = [ports.https, ports.http].filter((port) => port !== undefined);
    return [...new Set([...usual, ...portsOf(config)])].sort((a, b) => a - b);
  }

  function keep(config: JsonObject): void {
    writeWhole(configFile, JSON.stringify(config), { mode: 0o600, durable: false });
  }

  async function change(wanted: Wanted, signal: AbortSignal): Promise<readonly Route[]> {
    const { config: asWritten, warnings: seenByCaddy } = await adapted(wanted.caddyfile, signal);
    signal.throwIfAborted();
    makeFolder(folder, 0o700);
    const resolver = await answering.resolverFor(wanted);
    const patched = patch({
      ...wanted,
      ...own,
      ...(resolver === undefined ? {} : { resolver }),
      adapted: asWritten,
      ports,
      hasIpv6: false,
      isContained: true,
      ...(setup.onAccess ? { accessLog: 'output' as const } : {}),
    });
    await foreseen;
    const leaves = await leavesFor(setup, patched.config, signal);
    const { config, warnings } = contained(patched.config, leaves);
    const hash = hashOf(config);
    signal.throwIfAborted();
    if (hash !== loaded?.hash || !life.isRunning) {
      answering.answer(patched.names, true);
      await (life.isRunning ? reload(config, wanted, signal) : boot(config, wanted, signal));
      for (const message of [...seenByCaddy, ...patched.warnings, ...warnings])
        setup.emit({ type: 'warning', message });
    }
    answering.answer(patched.names);
    loaded = { hash, config, wanted, dueAt: Math.min(...leaves.map(({ dueAt }) => dueAt)) };
    renewInTime();
    return patched.routes;
  }

  /** Not where it is started already; and a port of its own in the Caddyfile takes another container than is being made. */
  function beginEarly({ config }: { readonly config: JsonObject }): void {
    if (!life.isRunning && portsOf(config).every((port) => port === 443 || port === 80)) container.mayBegin?.();
  }

  /** Caddy begins with the configuration, which its container may wait for already: nothing is loaded twice. */
  async function boot(config: JsonObject, wanted: Wanted, signal: AbortSignal): Promise<void> {
    // those of the edge have been tried, and may be its own by now
    await tryPublished(publishedBy(config).filter((port) => port !== ports.https && port !== ports.http));
    keep(config);
    try {
      await life.start({ ports: publishedBy(config), beat: beatOf(config) }, signal);
    } catch (error) {
      signal.throwIfAborted();
      const words = isUnreachable(error) ? await refusalWords(signal) : undefined;
      throw words === undefined ? error : new CampError(seen(refusalOf(words, wanted.caddyfile, projectDir)));
    }
  }

  async function reload(config: JsonObject, wanted: Wanted, signal: AbortSignal): Promise<void> {
    await life.ready();
    const added = publishedBy(config).filter((port) => !life.serving.ports.includes(port));
    await tryPublished(added);
    try {
      await load(admin, config, wanted.caddyfile, projectDir, signal);
    } catch (error) {
      throw error instanceof CampError ? new CampError(error.failures.map(seen)) : error;
    }
    keep(config);
    if (added.length === 0) life.serves(beatOf(config));
    else await republish(config, signal);
  }

  /** The engine publishes a port only of a new container; a port that is not wanted any more may stay. */
  async function republish(config: JsonObject, signal: AbortSignal): Promise<void> {
    try {
      await life.start({ ports: publishedBy(config), beat: beatOf(config) }, signal);
    } catch (error) {
      if (loaded && !signal.aborted) {
        keep(loaded.config);
        await life.start({ ports: publishedBy(loaded.config), beat: beatOf(loaded.config) }, signal);
      }
      throw error;
    }
  }

  /** Why Caddy did not begin with the file: its last words, else those of the Caddy of this machine. */
  async function refusalWords(signal: AbortSignal): Promise<string | undefined> {
    const said = life.lastLines().flatMap((line) => /^Error: (.+)/.exec(line)?.[1] ?? []);
    if (said.length > 0) return said.at(-1);
    const options = { cwd: projectDir, env: setup.env, timeoutMs: 10_000, signal };
    const { exitCode, stderr } = await runCommand([setup.caddy, 'validate', '--config', configFile], options);
    return exitCode === 0 ? undefined : /^Error: ([^]+)/m.exec(stderr)?.[1]?.trim();
  }

  /** A file that is here and not in there. */
  function seen(failure: CampError['failures'][number]): CampError['failures'][number] {
    const path = /^(\S+) cannot be read: no such file/.exec(failure.message)?.[1];
    if (path === undefined || !existsSync(resolve(projectDir, path))) return failure;
    const hint =
      "the edge is in a container, which sees the project's folder only (without .camp): move the file there";
    return { ...failure, hints: [hint] };
  }

  function renewInTime(): void {
    clearTimeout(renewal);
    if (loaded === undefined || loaded.dueAt === Number.POSITIVE_INFINITY) return;
    renewal = setTimeout(renew, Math.max(500, Math.min(renewalCheckMs, loaded.dueAt - Date.now())));
    renewal.unref();
  }

  function renew(): void {
    void inTurn(async () => {
      try {
        if (loaded && loaded.dueAt <= Date.now()) await change(loaded.wanted, end.signal);
      } catch (error) {
        if (end.signal.aborted) return;
        const [failure] = failuresOf(error);
        setup.emit({
          type: 'warning',
          message: `the edge's certificates could not be renewed: ${(error as Error).message}`,
          ...(failure ? { failure } : {}),
        });
      }
      renewInTime();
    });
  }

  return {
    get pid() {
      return container.pid;
    },
    caFile,
    async start(signal) {
      if (life.isRunning) return;
      end = new AbortController();
      await tryPublished([ports.https, ports.http].filter((port) => port !== undefined));
      makeFolder(folder, 0o700);
      rmSync(configFile, { force: true }); // of a camp that was killed
      writeWhole(join(folder, 'run.sh'), runScript(projectDir, setup.declared), { mode: 0o600, durable: false });
      // what is wrong with it is judged by who routes it
      if (setup.expected) void adapted(setup.expected, end.signal).then(beginEarly, () => undefined);
      await ensureAuthority(setup, signal);
      const domain = setup.declared['CAMP_DOMAIN'];
      if (domain !== undefined) foreseen = leavesFor(setup, usualLeaves(domain), end.signal).catch(() => undefined); // asked for again, by who says so
    },
    route: (wanted, signal) =>
      inTurn(async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await change(wanted, AbortSignal.any([signal, end.signal]));
          } catch (error) {
            signal.throwIfAborted();
            if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error;
            if (attempt === maxAttempts)
              fail('edge', 'EDGE_UNREACHABLE', 'caddy does not answer', {
                hints: ['camp doctor'],
                evidence: life.lastLines().slice(-10),
                cause: error,
              });
            // It has just died: the supervision starts it again with the last good configuration.
            await delay(50, undefined, { signal });
            await life.suspect(signal);
          }
        }
      }),
    firstRequest: (route, deadlineMs, signal) => prober.firstRequest(route, deadlineMs, signal),
    drain: (address, deadlineMs, signal) => drain(admin, answering.server, address, deadlineMs, signal),
    async stop() {
      end.abort(new Error('the edge was stopped'));
      clearTimeout(renewal);
      prober.close();
      loaded = undefined;
      await Promise.all([life.stop(), foreseen]);
      await answering.close();
      // It holds keys and values of the environment.
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What nearly every project turns out to want. */
function usualLeaves(domain: string): JsonObject {
  const automation = { policies: [{ issuers: [{ module: 'internal' }] }] };
  return {
    apps: { ...authorityApp(), tls: { certificates: { automate: [domain, `*.${domain}`] }, automation } },
  };
}

/** The engine listens for the container, as root: that this user may not listen there is no reason against it. */
async function tryPublished(ports: readonly number[]): Promise<void> {
  try {
    await tryPorts(ports.map((port) => `127.0.0.1:${port}`));
  } catch (error) {
    if (!failuresOf(error).some(({ code }) => code === 'NO_PERMISSION')) throw error;
  }
}

function isUnreachable(error: unknown): boolean {
  return failuresOf(error).some(({ code }) => code === 'EDGE_UNREACHABLE');
}
