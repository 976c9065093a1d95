import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fail } from '../kit/failure.ts';
import { makeFolder, writeWhole } from '../kit/files.ts';
import { hashOf } from '../kit/hash.ts';
import { maxSocketPath } from '../kit/paths.ts';
import { adapt, askingAdmin } from './adapt.ts';
import { createAdmin } from './admin.ts';
import { createAnswering } from './answering.ts';
import { authorityFiles, withAuthority } from './authority.ts';
import { authorityApp } from './ca.ts';
import { superviseCaddy } from './caddy-process.ts';
import { drain } from './drain.ts';
import { createProber } from './first-request.ts';
import { deadLockMs, issuedNames, removeDeadLocks } from './issue-locks.ts';
import type { JsonObject } from './json.ts';
import { addressesOf, load, verifyPorts } from './load.ts';
import { patch, privateParts, quiet } from './patch.ts';
import { socketNames, tryPorts } from './sockets.ts';
import type { Edge, EdgeSetup, Route, Wanted } from './types.ts';

/** How often a request is sent again to a Caddy that was just started again. */
const maxAttempts = 3;

/** What the running Caddy has. */
interface Loaded {
  readonly hash: string;
  readonly addresses: ReadonlySet<string>;
  /** Names of its certificates. */
  readonly names: readonly string[];
}

const nothing: Loaded = { hash: '', addresses: new Set(), names: [] };

/** The edge of one project: a Caddy that is not running yet. */
export function createEdge(setup: EdgeSetup): Edge {
  const socket = adminPath(setup);
  const configFile = resolve(setup.projectDir, setup.runDir, 'caddy.json');
  const own = {
    storage: setup.storage,
    adminListen: `unix/${join(setup.runDir, 'admin.sock')}|0600`,
    id: `camp-${randomBytes(8).toString('hex')}`,
  };
  const admin = createAdmin(socket);
  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
  const sockets = socketNames(setup.ports, hasIpv6);
  const configPath = join(setup.runDir, 'caddy.json');
  const caddy = superviseCaddy({
    setup,
    admin,
    socket,
    configPath,
    id: own.id,
    addresses: [...sockets.keys()],
    beforeRevival: () => removeDeadLocks(setup.storage, loaded.names, 0),
    onSpawn: () => setImmediate(() => prober.prepare()),
  });
  const answering = createAnswering(pathHere(setup, 'names.sock'), `unix/${join(setup.runDir, 'names.sock')}`);
  const caFile = authorityFiles(setup.storage).root;
  const prober = createProber(caFile);
  let loaded: Loaded = nothing;
  let queue: Promise<unknown> = Promise.resolve();

  /** One change at a time; a failed one does not stop the next. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = queue.then(work, work);
    queue = turn.catch(() => undefined);
    return turn;
  }

  function keep(config: JsonObject): void {
    writeWhole(configFile, JSON.stringify(config), { mode: 0o600, durable: false });
  }

  async function change(wanted: Wanted, isRepeated: boolean, signal: AbortSignal): Promise<readonly Route[]> {
    await caddy.ready();
    const adapted = await adapt(askingAdmin(admin, signal), wanted.caddyfile, setup.projectDir, setup.env);
    const resolver = await answering.resolverFor(wanted);
    const { config, routes, names, warnings } = patch({
      ...wanted,
      ...(resolver === undefined ? {} : { resolver }),
      ...own,
      adapted: adapted.config,
      ports: setup.ports,
      hasIpv6,
      sockets,
      ...(setup.accessLog === undefined ? {} : { accessLog: { file: setup.accessLog } }),
    });
    const hash = hashOf(config);
    if (hash === loaded.hash) {
      answering.answer(names);
      return routes;
    }
    const addresses = addressesOf(config);
    await tryPorts([...addresses].filter((address) => !loaded.addresses.has(address)));
    const issued = issuedNames(config);
    removeDeadLocks(setup.storage, issued, isRepeated ? 0 : deadLockMs);
    answering.answer(names, true);
    await load(admin, config, wanted.caddyfile, setup.projectDir, signal);
    answering.answer(names);
    keep(config);
    verifyPorts(addresses, caddy.pid);
    loaded = { hash, addresses, names: issued };
    for (const message of [...adapted.warnings, ...warnings]) setup.emit({ type: 'warning', message });
    return routes;
  }

  return {
    get pid() {
      return caddy.pid;
    },
    caFile,
    async start(signal) {
      makeFolder(resolve(setup.projectDir, setup.runDir), 0o700);
      await withAuthority(setup.storage, signal, async (isComplete) => {
        // The CA is made by this very Caddy where there is none: no other process is started for it.
        keep({ ...privateParts(own), logging: quiet(undefined), ...(isComplete ? {} : { apps: authorityApp() }) });
        loaded = nothing;
        await caddy.start(signal);
      });
    },
    route: (wanted, signal) =>
      inTurn(async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            return await change(wanted, attempt > 1, signal);
          } catch (error) {
            signal.throwIfAborted();
            if (!isUnreachable(error)) throw error;
            if (attempt === maxAttempts)
              fail('edge', 'EDGE_UNREACHABLE', 'caddy does not answer', {
                hints: ['camp doctor'],
                evidence: caddy.lastLines().slice(-10),
                cause: error,
              });
            // It has just died: the supervision starts it again with the last good configuration.
            await delay(50, undefined, { signal });
          }
        }
      }),
    firstRequest: (route, deadlineMs, signal) => prober.firstRequest(route, deadlineMs, signal),
    drain: (address, deadlineMs, signal) => drain(admin, answering.server, address, deadlineMs, signal),
    async stop() {
      prober.close();
      await caddy.stop();
      await answering.close();
      // It may hold values of the environment.
      rmSync(configFile, { force: true });
    },
  };
}

/** Relative where camp works in the project's folder too, so that a deep folder does not matter. */
function pathHere(setup: EdgeSetup, file: string): string {
  const relative = join(setup.runDir, file);
  return process.cwd() === setup.projectDir ? relative : resolve(setup.projectDir, relative);
}

function adminPath(setup: EdgeSetup): string {
  const path = pathHere(setup, 'admin.sock');
  if (Buffer.byteLength(path) > maxSocketPath)
    fail('machine', 'PATH_TOO_LONG', `the path of the edge's socket is too long for this system: ${path}`, {
      hints: ['move the project to a folder with a shorter path'],
    });
  return path;
}

/** Errors of a connection to a socket that nobody answers on. */
function isUnreachable(error: unknown): boolean {
  const { code, name } = error as NodeJS.ErrnoException;
  return name === 'TimeoutError' || ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code ?? '');
}
