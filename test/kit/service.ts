import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freePort, until } from './servers.ts';

export type Line = Record<string, unknown> & { readonly msg: string };

export interface Got<T> {
  readonly status: number;
  readonly body: T;
}

/** One process of a service made with the kit. */
export interface Started {
  readonly base: string;
  readonly child: ChildProcess;
  readonly lines: Line[];
  stderr(): string;
  /** Its exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  get<T = unknown>(path: string, headers?: Record<string, string>): Promise<Got<T>>;
  post<T = unknown>(path: string, body: unknown, headers?: Record<string, string>): Promise<Got<T>>;
  ready(): Promise<void>;
}

const started = new Set<ChildProcess>();

/** Starts test/kit/programs/NAME.ts; what the environment of the tests says of services is not passed on. */
export async function service(program: string, env: Record<string, string>): Promise<Started> {
  const port = await freePort();
  const file = fileURLToPath(new URL(`programs/${program}.ts`, import.meta.url));
  const own = { PATH: process.env['PATH'] ?? '', PORT: String(port), HOST: '127.0.0.1', SERVICE: program, ...env };
  const child = spawn(process.execPath, [file], { env: own, stdio: ['ignore', 'pipe', 'pipe'] });
  started.add(child);
  const lines: Line[] = [];
  let errors = '';
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const all = (rest + text).split('\n');
    rest = all.pop() ?? '';
    lines.push(...all.map((line) => JSON.parse(line) as Line));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('close', (code, signal) => {
      started.delete(child);
      resolve(code ?? signal ?? 'SIGKILL');
    }),
  );
  const base = `http://127.0.0.1:${port}`;
  const ask = async <T>(path: string, init: RequestInit): Promise<Got<T>> => {
    const response = await fetch(base + path, { ...init, signal: AbortSignal.timeout(15_000) });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
  };
  return {
    base,
    child,
    lines,
    stderr: () => errors,
    ended,
    kill(signal = 'SIGKILL') {
      child.kill(signal);
      return ended;
    },
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, body, headers = {}) =>
      ask(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    async ready() {
      const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
      const evidence = (): string => `${JSON.stringify(lines.slice(-5))} ${errors}`;
      try {
        await until(`${program} ready`, async () => hasEnded() || (await ask('/readyz', {})).status === 200);
      } catch (cause) {
        throw new Error(`not ready: ${evidence()}`, { cause });
      }
      if (hasEnded()) throw new Error(`ended with ${child.exitCode ?? child.signalCode}: ${evidence()}`);
    },
  };
}

/** After each test: nothing of it goes on. */
export async function endAll(): Promise<void> {
  await Promise.all(
    [...started].map((child) => {
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      return ended;
    }),
  );
}
