import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Ms } from '../../../kit/events.ts';
import { type Failure, fail } from '../../../kit/failure.ts';
import { readText } from '../../../kit/files.ts';
import type { Port, ServerName, Service } from '../../../project/types.ts';
import { type Address, type ProbeAnswer, probeTcp } from '../../probe.ts';
import { toldBy } from '../../wiring/told.ts';
import { hasData, majorOfRecord, prepareData } from './data.ts';
import { nats } from './nats.ts';
import { postgres } from './postgres.ts';
import { rabbitmq } from './rabbitmq.ts';
import { redis } from './redis.ts';
import type { Launch, Program, ServerKind, Site } from './types.ts';
import { freeOfUsers } from './users.ts';

const kinds: Readonly<Record<ServerName, ServerKind>> = { postgres, redis, nats, rabbitmq };

export interface ServersSetup {
  /** Absolute: `.camp/data`. */
  readonly data: string;
  /** Absolute: `.camp/run`. */
  readonly run: string;
  /** The user's cache. */
  readonly cache: string;
  /** The program of a server, found or fetched before. */
  programOf(service: Service): Program | undefined;
  say(service: string, message: string): void;
}

/** What the native runtime asks of a service whose image is a server. */
export interface NativeServer {
  readonly stopSignal: NodeJS.Signals;
  /** Data are there after that, and are such that the server can use them. */
  prepare(signal: AbortSignal): Promise<void>;
  /** Before each start, a restart after a crash among them. Throws DATA_IN_USE. */
  launch(port: Port): Promise<Launch>;
  ask(address: Address, timeoutMs: Ms): Promise<ProbeAnswer>;
  explain(lines: readonly string[]): Failure | undefined;
}

/** The server of a service, with the environment that its processes get. */
export function nativeServer(
  service: Service,
  env: Readonly<Record<string, string>>,
  setup: ServersSetup,
): NativeServer {
  const { server: image } = service;
  if (!image) return fail('bug', 'BUG', `service "${service.name}" is no server that camp knows`);
  const kind = kinds[image.name];
  const program =
    setup.programOf(service) ?? fail('bug', 'BUG', `the program of "${service.name}" has not been provided`);
  const said = new Set<string>();
  const site: Site = {
    service,
    image,
    program,
    folder: dataFolder(setup.data, service.name),
    run: setup.run,
    cache: join(setup.cache, 'servers'),
    env,
    told: (...names) => toldBy(service.env, names, (path) => readFile(image.secrets[path] ?? path)),
    say(message) {
      if (!said.has(message)) setup.say(service.name, message);
      said.add(message);
    },
  };
  return {
    stopSignal: kind.stopSignal,
    prepare: (signal) => prepareData(site, kind, signal),
    async launch(port) {
      await freeOfUsers(site);
      return kind.launch(site, port);
    },
    ask: (address, timeoutMs) => kind.ask(site, address, timeoutMs),
    explain: (lines) => kind.explain(site, lines),
  };
}

/** Where the data of a service lie. */
function dataFolder(data: string, service: string): string {
  return join(data, service);
}

/** Which major version of a server's program is wanted: the image's, or the one that its data were made with in its place. */
export function wantedMajor({ name, server }: Service, data: string): number | undefined {
  return majorOfRecord(dataFolder(data, name), server?.major) ?? server?.major;
}

/** Whether data are there, in words for a plan. */
export function dataInWords(data: string, service: string): string | undefined {
  return hasData(dataFolder(data, service)) ? 'its data are there' : undefined;
}

/** A path of the container that stands for no secret is nowhere on this machine. */
function readFile(path: string): string | undefined {
  return existsSync(path) ? readText(path) : undefined;
}

/** Whether anybody listens there: a server gets another port then. */
export async function isTaken(port: Port): Promise<boolean> {
  return (await probeTcp({ host: '127.0.0.1', port }, 200)).isReady;
}
