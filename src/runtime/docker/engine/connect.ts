import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:http';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Ms } from '../../../kit/events.ts';
import { CampError, failuresOf } from '../../../kit/failure.ts';
import { recall, remember, stampOf } from '../../../kit/remembered.ts';
import type { RawVersion } from './answers.ts';
import type { Route } from './dial.ts';
import { noneFound, refusalOf, said, tooOld, unreachable, unusableHost } from './failures.ts';
import { candidates, knownSockets } from './find.ts';
import { parseHost } from './host.ts';
import type { Engine, EngineAddress, NetworkDetail } from './types.ts';

/** Docker 20.10 and Podman 3 and 4; camp makes no newer call. */
const oldestApi = '1.41';
/** For the first answer; one that is there takes 5 ms. */
const firstAnswerMs: Ms = 2500;

/**
 * Connects to the engine that find.ts names, in one round trip. `memory` is a file for what an engine at a socket has said
 * of its version, which it starts programs to find out. Throws ENGINE_UNREACHABLE, ENGINE_HANGS, ENGINE_TOO_OLD or
 * NO_PERMISSION, all of fault machine.
 */
export async function connectEngine(env: NodeJS.ProcessEnv, signal: AbortSignal, memory?: string): Promise<Engine> {
  const { isChosen, addresses } = candidates(env);
  if (addresses.length === 0) throw new CampError(noneFound(knownSockets(env).map(([path]) => path)));
  let first: unknown;
  for (const address of addresses) {
    try {
      return await greet(address, env, signal, memory);
    } catch (error) {
      if (isChosen || !isGone(error)) throw error;
      // a socket that its engine has left behind: another engine may run
      first ??= error;
    }
  }
  throw withTried(first, addresses);
}

async function greet(
  address: EngineAddress,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  memory: string | undefined,
): Promise<Engine> {
  const target = targetOf(address);
  const { engineApi } = await import('../client.ts');
  const route = { address, target, isTls: address.tls !== undefined, prefix: prefixOf(address) };
  const within = { deadlineMs: firstAnswerMs, signal };
  const [version, bridge] = await Promise.all([
    versionOf(route, within, memory),
    // without a version in the path, as nobody knows yet which
    engineApi(route)
      .inspectNetwork('bridge', within)
      .catch(() => undefined),
  ]);
  if (!version?.Version || !/^\d+\.\d+$/.test(version.ApiVersion ?? ''))
    throw unreachable(address, Object.assign(new Error('it tells no version of an engine'), { code: 'garbage' }));
  const apiVersion = negotiate(address, version);
  const kind = version.Components?.some((one) => one.Name === 'Podman Engine') ? 'podman' : 'docker';
  return {
    address,
    kind,
    version: /^[\d.]+/.exec(version.Version)?.[0] ?? version.Version,
    apiVersion,
    isLocalLinux: kind === 'docker' && isHere(address, version, bridge),
    env: cliEnvironment(address, env),
    api: engineApi({ ...route, prefix: `${route.prefix}/v${apiVersion}` }),
  };
}

/** Of the same engine at the same socket, as its greeting tells, what it has said before. */
async function versionOf(
  route: Route,
  within: { readonly deadlineMs: Ms; readonly signal: AbortSignal },
  memory: string | undefined,
): Promise<RawVersion> {
  const { engineGreeting, engineVersion } = await import('../client.ts');
  const { socketPath } = route.target;
  const socket = memory && socketPath ? stampOf(socketPath) : undefined;
  if (!memory || socket === undefined) return engineVersion(route, within);
  const greeting = await engineGreeting(route, within).catch((error: unknown) => {
    if (refusalOf(error)) return undefined; // no engine that camp knows: its version tells
    throw error;
  });
  const key = `${socketPath} ${socket} ${greeting}`;
  const known = greeting === undefined ? undefined : recall<RawVersion>(memory, key);
  if (known) return known;
  const version = await engineVersion(route, within);
  remember(memory, key, version);
  return version;
}

/** The oldest version that both speak: its answers are those that camp was written for. */
function negotiate(
  address: EngineAddress,
  { ApiVersion: newest = '', MinAPIVersion: oldest = '', Version = '' }: RawVersion,
): string {
  if (compare(newest, oldestApi) < 0) throw tooOld(address, newest, oldestApi, Version);
  return compare(oldest, oldestApi) > 0 ? oldest : oldestApi;
}

function compare(a: string, b: string): number {
  const [major = 0, minor = 0] = a.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = b.split('.').map(Number);
  return major - otherMajor || minor - otherMinor;
}

/** The same kernel, no namespace in between, and the engine's own bridge is an interface of this machine. */
function isHere(address: EngineAddress, version: RawVersion, bridge: NetworkDetail | undefined): boolean {
  const isRootless = version.Components?.some((one) => one.Name === 'rootlesskit') ?? false;
  return (
    process.platform === 'linux' &&
    parseHost(address.host).kind === 'socket' &&
    !/desktop/i.test(version.Platform?.Name ?? '') &&
    !isRootless &&
    version.KernelVersion === release() &&
    Boolean(bridge?.bridge) &&
    existsSync(join('/sys/class/net', bridge?.bridge ?? ''))
  );
}

function targetOf(address: EngineAddress): RequestOptions {
  if (address.problem) throw new CampError(address.problem);
  const host = parseHost(address.host, address.tls !== undefined);
  switch (host.kind) {
    case 'socket':
      return { socketPath: host.path };
    case 'tcp':
      return { host: host.hostname, port: host.port, ...tlsOf(address) };
    case 'ssh':
    case 'unknown':
      throw new CampError(unusableHost(address));
  }
}

function prefixOf(address: EngineAddress): string {
  const host = parseHost(address.host);
  return host.kind === 'tcp' ? host.prefix : '';
}

/** The files that are there: without ca.pem the system's authorities count, without cert.pem camp shows none. */
function tlsOf({ tls }: EngineAddress): object {
  if (!tls) return {};
  const read = (name: string): Buffer | undefined => {
    const file = join(tls.dir, name);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), rejectUnauthorized: tls.isVerified };
}

/** The docker CLI asks DOCKER_HOST before all else; empty counts as not set. */
export function cliEnvironment({ host, tls }: EngineAddress, env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const parsed = parseHost(host);
  return {
    DOCKER_HOST: host,
    DOCKER_CONTEXT: '',
    DOCKER_TLS_VERIFY: tls?.isVerified ? '1' : '',
    DOCKER_TLS: tls && !tls.isVerified ? '1' : '',
    ...(tls ? { DOCKER_CERT_PATH: tls.dir } : {}),
    ...(parsed.kind === 'tcp' ? noProxy(parsed.hostname, env) : {}),
  };
}

function noProxy(hostname: string, env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  const value = [env['NO_PROXY'] || env['no_proxy'], hostname].filter(Boolean).join(',');
  return { NO_PROXY: value, no_proxy: value };
}

function isGone(error: unknown): boolean {
  const cause = failuresOf(error)[0]?.cause as NodeJS.ErrnoException | undefined;
  return cause?.code === 'ENOENT' || cause?.code === 'ECONNREFUSED';
}

function withTried(error: unknown, addresses: readonly EngineAddress[]): unknown {
  const [failure] = failuresOf(error);
  if (!failure || addresses.length < 2) return error;
  const others = addresses.slice(1).map((address) => `${said(address)}: does not answer either`);
  return new CampError({ ...failure, evidence: [...(failure.evidence ?? []), ...others] });
}
