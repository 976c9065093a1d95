import { existsSync } from 'node:fs';
import { maxSocketPath } from '../kit/paths.ts';
import type { NameServer, Table } from './name-server.ts';
import type { Wanted } from './types.ts';
import type { Names } from './upstreams.ts';

/** What an edge tells its Caddy between two configurations. Nothing is loaded or opened where nothing is in containers. */
export interface Answering {
  readonly server: NameServer | undefined;
  /** Who is to be asked, for a configuration; undefined where nobody has to be, or nobody can. */
  resolverFor(wanted: Wanted): Promise<string | undefined>;
  /** From now on; `isNext`: what was answered before is still asked for, until the next configuration has been loaded. */
  answer(names: Names, isNext?: boolean): void;
  close(): Promise<void>;
}

/** `path` is where this process listens, `resolver` how Caddy calls that; without a path nobody is asked. */
export function createAnswering(path: string | undefined, resolver: string): Answering {
  let server: NameServer | undefined;
  let opening: Promise<void> | undefined;
  let told: Table = new Map();
  let isRefused = path === undefined || Buffer.byteLength(path) > maxSocketPath;

  function open(): Promise<void> {
    opening ??= (async () => {
      server = await (await import('./name-server.ts')).openNameServer(path as string);
      server.answer(told);
      process.on('SIGTSTP', stopQuietly);
    })().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  function shut(): Promise<void> | undefined {
    process.off('SIGTSTP', stopQuietly);
    const closing = server?.close();
    server = undefined;
    return closing;
  }

  /** A terminal that stops camp (Ctrl-Z) must not leave Caddy waiting for answers: without a socket it takes the last one, and uses the connections that it has. */
  function stopQuietly(): void {
    void shut();
    process.kill(process.pid, 'SIGSTOP');
    // here it goes on; who routes opens it where this could not
    void open().catch(() => undefined);
  }

  return {
    get server() {
      return server;
    },
    async resolverFor({ contained }) {
      if (!server && (isRefused || !contained?.size)) return undefined;
      try {
        if (!server) await open();
      } catch {
        // a file system without sockets: then every change is another configuration
        isRefused = true;
      }
      return server && resolver;
    },
    answer(names, isNext = false) {
      told = isNext ? new Map([...told, ...names]) : names;
      server?.answer(told);
    },
    async close() {
      await opening?.catch(() => undefined);
      await shut();
    },
  };
}

/** Where SELinux is enforced, a container may read a mounted socket and not connect to it. */
export function mayConnectFromContainers(): boolean {
  return process.platform === 'linux' && !existsSync('/sys/fs/selinux/enforce');
}
