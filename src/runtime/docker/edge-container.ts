import { setTimeout as delay } from 'node:timers/promises';
import { fail } from '../../kit/failure.ts';
import { endContainer } from './end.ts';
import { ownAddress } from './endpoints.ts';
import type { Api, ContainerDetail, ContainerSummary } from './engine/types.ts';
import { cannotStart } from './failures.ts';
import { configLabel } from './labels.ts';
import { edgeHash } from './override.ts';
import type { EdgeContainer, EdgeWish } from './types.ts';

/** Between two tries to follow the log of a container that runs. */
const pauseMs = 300;

export interface EdgeSurroundings {
  readonly api: Api;
  readonly isLocalLinux: boolean;
  wish(): EdgeWish | undefined;
  find(): Promise<ContainerSummary | undefined>;
  /** Creates it, or creates it anew where it is stale. */
  create(signal: AbortSignal): Promise<void>;
  beforeRemoval(container: ContainerDetail): void;
}

/** A container that was just made. */
type Made = Pick<ContainerSummary, 'id' | 'labels'>;

/** The edge's container, and whether it is still the one that is wanted. */
export function createEdgeContainer(
  around: EdgeSurroundings,
): EdgeContainer & { isStale(found: Made | undefined): boolean; onMade(container: Made): void } {
  const { api } = around;
  let mayBegin = false;
  /** Its start has been asked for already. */
  let begun: { readonly container: Made; readonly started: Promise<void> } | undefined;
  let running: ContainerDetail | undefined;
  let onLine: (line: string) => void = () => undefined;
  let onExit: (how: string) => void = () => undefined;

  /** Its log, which ends when it does; an engine that goes away for a moment ends it too. */
  async function follow(container: ContainerDetail): Promise<void> {
    for (let since = container.startedAt; running === container; since = new Date().toISOString()) {
      await api.logs(container.id, { follow: true, since }, ({ line }) => onLine(line)).catch(() => undefined);
      const seen = await api.inspectContainer(container.id).catch(() => container);
      if (running !== container) return;
      if (seen?.status !== 'running' || seen.startedAt !== container.startedAt)
        return onExit(seen ? `exit code ${seen.exitCode}` : 'removed');
      await delay(pauseMs);
    }
  }

  function isStale(found: Made | undefined): boolean {
    const wish = around.wish();
    return found !== undefined && wish !== undefined && found.labels[configLabel] !== edgeHash(wish);
  }

  async function theContainer(signal: AbortSignal): Promise<ContainerSummary> {
    const found = await around.find();
    if (found && !isStale(found)) return found;
    await around.create(signal);
    return (await around.find()) ?? fail('bug', 'BUG', 'the edge has no container');
  }

  return {
    isStale,
    onMade(container) {
      if (!mayBegin || isStale(container)) return;
      mayBegin = false;
      begun = { container, started: api.startContainer(container.id) };
      begun.started.catch(() => undefined); // told by `start`
    },
    mayBegin() {
      mayBegin = true;
    },
    get pid() {
      return around.isLocalLinux && running?.pid ? running.pid : undefined;
    },
    get address() {
      return around.isLocalLinux && running ? ownAddress(running) : undefined;
    },

    async start(signal) {
      const first = isStale(begun?.container) ? undefined : begun;
      begun = undefined;
      mayBegin = false;
      const { id, status } = first ? { ...first.container, status: 'created' } : await theContainer(signal);
      try {
        if (first) await first.started;
        else if (status === 'paused') await api.unpauseContainer(id);
        else if (status !== 'running') await api.startContainer(id, { signal });
        if (around.wish()?.isOnBridge) await api.joinBridge(id, { signal });
      } catch (error) {
        throw cannotStart(around.wish()?.service ?? 'edge', error);
      }
      running = await api.inspectContainer(id, { signal });
      if (running) void follow(running);
    },

    onLine(listener) {
      onLine = listener;
    },

    onExit(listener) {
      onExit = listener;
    },

    async exec(argv, stdin, signal) {
      const id = running?.id ?? (await around.find())?.id ?? fail('bug', 'BUG', 'the edge has no container');
      const { exitCode, stdout, stderr } = await api.exec(id, argv, stdin === undefined ? {} : { stdin }, { signal });
      return { exitCode, output: stdout + stderr };
    },

    async stop() {
      mayBegin = false;
      await begun?.started.catch(() => undefined);
      begun = undefined;
      const found = await around.find();
      running = undefined;
      if (found) await endContainer(api, found.id, undefined, new AbortController().signal, around.beforeRemoval);
    },
  };
}
