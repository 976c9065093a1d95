import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Ms } from '../../kit/events.ts';
import { CampError } from '../../kit/failure.ts';
import { LineSplitter } from '../../kit/lines.ts';
import type {
  RawContainer,
  RawContainerDetail,
  RawImage,
  RawInfo,
  RawNetwork,
  RawStats,
  RawVersion,
  RawVolume,
} from './engine/answers.ts';
import * as read from './engine/details.ts';
import { type Carriage, dial, explain, type Route } from './engine/dial.ts';
import { hangs, refusalOf } from './engine/failures.ts';
import { FrameReader } from './engine/frames.ts';
import { LogReader } from './engine/log-lines.ts';
import type { Api, CallOptions, ExecHow, ExecResult } from './engine/types.ts';

/** Longest that any call may take, unless its caller says more. */
const usualDeadlineMs = 10_000;
/** Labels make an event long; a line over this is not one. */
const longestEvent = 1_000_000;

type Purpose = Carriage['purpose'];

/** Speaks with the engine at the end of the route. */
export function engineApi(route: Route): Api {
  /** Each call has a Docker of its own, whose modem knows the call's deadline and signal; it is two objects. */
  const ask = (purpose: Purpose, options: CallOptions = {}, answer: Carriage['answer'] = 'json'): Docker => {
    const how: Carriage = {
      purpose,
      answer,
      deadlineMs: options.deadlineMs ?? usualDeadlineMs,
      isPatient: options.deadlineMs === undefined,
      signal: options.signal,
    };
    return new Docker({
      modem: {
        dial: (request, callback) =>
          void dial(route, request, how).then(
            (result) => callback(null, result),
            (error: unknown) => callback(error, null),
          ),
      },
    });
  };
  const container = (purpose: Purpose, id: string, options?: CallOptions, answer?: Carriage['answer']) =>
    ask(purpose, options, answer).getContainer(encodeURIComponent(id));

  return {
    async listContainers(labels, options) {
      const query = { all: true, filters: { label: labels } };
      const found = await ask('list containers', options).listContainers(query);
      return (found as readonly RawContainer[]).map(read.containerSummary);
    },
    async inspectContainer(id, options) {
      const raw = await unless([404], container('inspect a container', id, options).inspect());
      return raw === undefined ? undefined : read.containerDetail(raw as RawContainerDetail);
    },
    async startContainer(id, options) {
      await container('start a container', id, options).start();
    },
    async stopContainer(id, { graceMs }, options) {
      const deadlineMs = graceMs + usualDeadlineMs;
      const stopping = container('stop a container', id, { deadlineMs, ...options });
      await unless([404], stopping.stop({ t: Math.ceil(graceMs / 1000) }));
    },
    async killContainer(id, signalName = 'SIGKILL', options) {
      const killing = container('kill a container', id, options).kill({ signal: signalName });
      // the words are Podman's, which answers 500
      await unless([404, 409], killing, /can only kill running containers/);
    },
    async removeContainer(id, { force = false } = {}, options) {
      const removing = container('remove a container', id, options).remove({ v: false, force });
      await unless([404], removing, /removal .*already in progress/);
    },
    async unpauseContainer(id, options) {
      await unless([304], container('unpause a container', id, options).unpause(), /is not paused/);
    },
    async renameContainer(id, name, options) {
      await container('rename a container', id, options).rename({ name });
    },
    async logs(id, { follow, since, tail, hasTty = false, pressure }, onLine, options) {
      const query = { stdout: true, stderr: true, timestamps: true, follow, since: sinceOf(since), tail };
      const stream = await container('read logs', id, options, 'stream').logs(query);
      const reader = new LogReader(hasTty, onLine);
      const take = (chunk: Buffer): Promise<void> | undefined => {
        reader.push(chunk);
        return pressure?.();
      };
      await readAll(route, stream, take, options?.signal);
      reader.end();
    },
    async events({ labels = [], types = ['container'], since, onOpen }, onEvent, options) {
      const query = { since, filters: { type: types, ...(labels.length > 0 ? { label: labels } : {}) } };
      const stream = await ask('send events', options, 'stream').getEvents(query);
      onOpen?.();
      const lines = new LineSplitter((line) => {
        const event = read.engineEvent(line);
        if (event) onEvent(event);
      }, longestEvent);
      await readAll(route, stream, (chunk) => lines.push(chunk), options?.signal);
    },
    async stats(id, options) {
      const sampling = container('measure a container', id, options).stats({ stream: false, 'one-shot': true });
      const raw = await unless([404, 409], sampling);
      return raw === undefined ? undefined : read.containerStats(raw as RawStats);
    },
    exec: (id, argv, how, options) => exec(route, ask, id, argv, how, options),
    async putArchive(id, folder, tar, options) {
      await container('copy files into a container', id, options).putArchive(tar, { path: folder });
    },
    async listNetworks(labels, options) {
      const found = await ask('list networks', options).listNetworks({ filters: { label: labels } });
      return (found as readonly RawNetwork[]).map(read.networkDetail);
    },
    async inspectNetwork(name, options) {
      const raw = await unless([404], ask('inspect a network', options).getNetwork(encodeURIComponent(name)).inspect());
      return raw === undefined ? undefined : read.networkDetail(raw as RawNetwork);
    },
    async joinBridge(id, options) {
      const joining = ask('join a network', options).getNetwork('bridge').connect({ Container: id });
      await unless([], joining, /already exists in network|is already connected to network/);
    },
    async removeNetwork(name, options) {
      await unless([404], ask('remove a network', options).getNetwork(encodeURIComponent(name)).remove());
    },
    async listVolumes(labels, options) {
      const found = await ask('list volumes', options).listVolumes({ filters: { label: labels } });
      return ((found as { Volumes?: readonly RawVolume[] | null }).Volumes ?? []).map(read.volumeDetail);
    },
    async createVolume(name, { labels, driver, driverOptions }, options) {
      const wanted = { Name: name, Labels: labels, Driver: driver, DriverOpts: driverOptions };
      await ask('create a volume', options).createVolume({ _query: {}, _body: wanted });
    },
    async removeVolume(name, options) {
      await unless([404], ask('remove a volume', options).getVolume(encodeURIComponent(name)).remove());
    },
    async volumeSizes(options) {
      const raw = (await ask('measure volumes', options).df()) as { Volumes?: readonly RawVolume[] | null };
      return new Map((raw.Volumes ?? []).map((one) => [one.Name ?? '', one.UsageData?.Size ?? 0]));
    },
    async inspectImage(ref, options) {
      const path = ref.split('/').map(encodeURIComponent).join('/');
      const raw = await unless([404], ask('inspect an image', options).getImage(path).inspect());
      return raw === undefined ? undefined : read.imageDetail(raw as RawImage);
    },
    async removeImage(ref, options) {
      const path = ref.split('/').map(encodeURIComponent).join('/');
      await unless([404], ask('remove an image', options).getImage(path).remove());
    },
    async info(options) {
      return read.engineInfo((await ask('describe itself', options).info()) as RawInfo);
    },
    async repeat({ path, body }, options) {
      const purpose = path.includes('/networks/') ? 'create a network' : 'create a container';
      const how: Carriage = { purpose, answer: 'json', deadlineMs: usualDeadlineMs, isPatient: true, ...options };
      const made = await dial({ ...route, prefix: '' }, { method: 'POST', path, options: { _body: body } }, how);
      return (made as { readonly Id: string }).Id;
    },
  };
}

/** What an engine says when it is greeted, in a millisecond: another version of it says something else. */
export async function engineGreeting(route: Route, how: Omit<Carriage, 'answer' | 'purpose'>): Promise<string> {
  const request = { method: 'GET', path: '/_ping' };
  const answer = await dial(route, request, { purpose: 'greet', answer: 'stream', ...how });
  const { headers } = (answer as IncomingMessage).resume();
  return ['server', 'api-version', 'libpod-api-version', 'ostype'].map((name) => headers[name] ?? '').join(' ');
}

/** What the engine says of itself, without a version in the path: it is what decides the version. */
export async function engineVersion(route: Route, how: Omit<Carriage, 'answer' | 'purpose'>): Promise<RawVersion> {
  const answer = await dial(
    route,
    { method: 'GET', path: '/version' },
    { purpose: 'say its version', answer: 'json', ...how },
  );
  return answer as RawVersion;
}

type Ask = (purpose: Purpose, options?: CallOptions, answer?: Carriage['answer']) => Docker;

/** Without input over a plain answer, with it over the connection itself. One deadline over all of it. */
async function exec(
  route: Route,
  ask: Ask,
  id: string,
  argv: readonly string[],
  { stdin, user, cwd, env }: ExecHow = {},
  options: CallOptions = {},
): Promise<ExecResult> {
  const deadlineMs = options.deadlineMs ?? usualDeadlineMs;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(hangs(route.address, deadlineMs)), deadlineMs);
  const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal;
  const within: CallOptions = { deadlineMs, signal };
  try {
    const created = await ask('run a program in a container', within)
      .getContainer(encodeURIComponent(id))
      .exec({
        Cmd: argv,
        AttachStdin: stdin !== undefined,
        AttachStdout: true,
        AttachStderr: true,
        ...(user === undefined ? {} : { User: user }),
        ...(cwd === undefined ? {} : { WorkingDir: cwd }),
        ...(env ? { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`) } : {}),
      });
    const execId = (created as { readonly id: string }).id;
    const starting = ask('run a program in a container', within, 'stream').getExec(execId);
    const stream = await starting.start({
      Detach: false,
      Tty: false,
      ...(stdin === undefined ? {} : { hijack: true }),
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    const frames = new FrameReader((name, content) => output[name].push(content));
    if (stdin !== undefined) (stream as Socket).end(stdin);
    await readAll(route, stream, (chunk) => frames.push(chunk), signal);
    return {
      exitCode: await exitCodeOf(ask, execId, within),
      stdout: Buffer.concat(output.stdout).toString('utf8'),
      stderr: Buffer.concat(output.stderr).toString('utf8'),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** The stream ends a moment before the engine knows the code. */
async function exitCodeOf(ask: Ask, execId: string, options: CallOptions): Promise<number> {
  for (let waitMs: Ms = 1; ; waitMs = Math.min(100, waitMs * 2)) {
    const state = (await ask('tell an exit code', options).getExec(execId).inspect()) as {
      readonly Running?: boolean;
      readonly ExitCode?: number | null;
    };
    if (state.Running !== true && typeof state.ExitCode === 'number') return state.ExitCode;
    await delay(waitMs, undefined, { ...(options.signal ? { signal: options.signal } : {}) });
  }
}

/** Absent for an answer that says what is wanted to be so is so already: one of these states, or these words. */
async function unless(statuses: readonly number[], call: Promise<unknown>, words?: RegExp): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal && (statuses.includes(refusal.status) || words?.test(refusal.message))) return undefined;
    throw error;
  }
}

async function readAll(
  route: Route,
  stream: unknown,
  onChunk: (chunk: Buffer) => void | Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const source = stream as IncomingMessage | Socket;
  const end = (): void => void source.destroy(signal?.reason as Error);
  signal?.addEventListener('abort', end, { once: true });
  try {
    for await (const chunk of source) {
      const pressure = onChunk(chunk as Buffer);
      if (pressure) await pressure;
    }
    signal?.throwIfAborted();
  } catch (error) {
    throw error instanceof CampError ? error : explain(route.address, error, signal);
  } finally {
    signal?.removeEventListener('abort', end);
  }
}

/** The engine wants seconds since 1970; fractions stay exact. */
function sinceOf(time: string | undefined): string | undefined {
  if (time === undefined) return undefined;
  const [, fraction = '0'] = /\.(\d{1,9})/.exec(time) ?? [];
  return `${Math.floor(Date.parse(time) / 1000)}.${fraction.padEnd(9, '0')}`;
}
