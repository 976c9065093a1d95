import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectId } from '../../src/kit/paths.ts';
import { listeners } from '../../src/kit/ports.ts';
import { isAlive, type MarkedProcess, markedProcesses, processInfo } from '../../src/kit/process.ts';
import type { ProjectStatus, ServiceStatus, UpReport } from '../../src/report/types.ts';
import { type Answer, ask } from './client.ts';
import { linkServers } from './linked-tools.ts';
import { type Shell, shell } from './shell.ts';

const bin = fileURLToPath(new URL('../../bin/camp.js', import.meta.url));
const steerable = fileURLToPath(new URL('./steerable.mjs', import.meta.url));

/** A service of the project: what steerable.mjs is told, and what compose.yaml says of it. */
export interface ServiceWords {
  readonly env?: Readonly<Record<string, string>>;
  readonly replicas?: number;
  readonly grace?: string;
  readonly needs?: readonly string[];
  /** Further lines under the service, indented by four. */
  readonly lines?: readonly string[];
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Camp's folders of one test file: the CA is made once, and no claim of a port may outlive a test. */
export interface Home extends Disposable {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
}

export function createHome(): Home {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-e2e-')));
  for (const folder of ['home', 'tmp']) mkdirSync(join(dir, folder));
  linkServers(join(dir, 'camp'));
  const { PATH, CAMP_FROM_SOURCE, GOCACHE, NODE_EXTRA_CA_CERTS } = process.env;
  const env = {
    PATH: `${dirname(process.execPath)}:${PATH}`,
    HOME: join(dir, 'home'),
    TMPDIR: join(dir, 'tmp'),
    CAMP_HOME: join(dir, 'camp'),
    LANG: 'C.UTF-8',
    // what Go has compiled of its library already is compiled for everybody: that takes it half a minute
    GOCACHE: GOCACHE ?? join(homedir(), '.cache/go-build'),
    ...(CAMP_FROM_SOURCE ? { CAMP_FROM_SOURCE } : {}),
    // a machine may reach the registry only through an authority of its own
    ...(NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS } : {}),
  };
  return { dir, env, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/** A temporary project. Disposing it stops it and checks that nothing of it is left. */
export class Cluster implements AsyncDisposable {
  readonly name: string;
  readonly home: Home;
  readonly dir: string;
  readonly #shells: Shell[] = [];
  #ports = new Set<number>();
  #caFile = '';
  #https = 0;

  constructor(home: Home, name: string, services?: Readonly<Record<string, ServiceWords>>) {
    this.name = name;
    this.home = home;
    this.dir = join(home.dir, name);
    if (!services) return;
    mkdirSync(this.dir);
    for (const service of Object.keys(services)) {
      mkdirSync(this.path('services', service), { recursive: true });
      copyFileSync(steerable, this.path('services', service, 'main.mjs'));
    }
    this.write('compose.yaml', composeOf(name, services));
    this.write('Caddyfile', caddyfileOf(name, Object.keys(services)));
  }

  get id(): string {
    return projectId(this.dir);
  }

  get https(): number {
    return this.#https;
  }

  get caFile(): string {
    return this.#caFile;
  }

  path(...words: readonly string[]): string {
    return join(this.dir, ...words);
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(this.path(file), text);
  }

  edit(file: string, from: string, to: string): void {
    const text = this.read(file);
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    this.write(file, text.replace(from, to));
  }

  /** Starts a camp command and goes on; it is ended with the cluster. */
  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Shell {
    return this.#track(shell(process.execPath, [bin, ...args], this.dir, { ...this.home.env, ...env }));
  }

  /** The same under a terminal of its own: what is written to it is typed, and closing it hangs up. */
  terminal(args: readonly string[], columns = 0): Shell {
    const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
    return this.#track(
      shell('script', ['-qfec', `stty cols ${columns}; exec ${words}`, '/dev/null'], this.dir, {
        ...this.home.env,
        SHELL: '/bin/sh',
        TERM: 'xterm-256color',
      }),
    );
  }

  /** The same with its stdout piped into another command. */
  pipe(args: readonly string[], into: string): Shell {
    const words = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ');
    return this.#track(shell('/bin/sh', ['-c', `${words} | ${into}`], this.dir, this.home.env));
  }

  /** Makes it a project of `camp init` instead of one of steerable services. */
  async init(): Promise<void> {
    mkdirSync(this.dir);
    await this.camp(['init', '.', '--yes']);
  }

  #track(one: Shell): Shell {
    this.#shells.push(one);
    return one;
  }

  /** Runs a camp command to its end. Throws when its exit code is not among `codes`. */
  async camp(args: readonly string[], codes: readonly number[] = [0], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
    const one = this.start(args, env);
    const code = await one.exits(60_000);
    if (!codes.includes(code))
      throw new Error(`camp ${args.join(' ')} ended with ${code}, not ${codes}\n${one.stdout}\n${one.stderr}`);
    return { code, stdout: one.stdout, stderr: one.stderr };
  }

  async up(...args: readonly string[]): Promise<UpReport> {
    const { stdout } = await this.camp(['up', '-d', '--json', ...args]);
    return this.#learn(JSON.parse(stdout) as UpReport);
  }

  async ps(): Promise<ProjectStatus> {
    return this.#learn(JSON.parse((await this.camp(['ps', '--json'])).stdout) as ProjectStatus);
  }

  /** Where its edge is, when somebody else than camp has started it. */
  isReachedAt(https: number, caFile: string): void {
    this.#https = https;
    this.#caFile = caFile;
  }

  #learn<T extends ProjectStatus | UpReport>(report: T): T {
    if (!report.edge) return report;
    this.#https = report.edge.https;
    this.#caFile = report.edge.caFile;
    for (const port of [report.edge.https, report.edge.http]) if (port) this.#ports.add(port);
    return report;
  }

  async service(name: string): Promise<ServiceStatus> {
    const found = (await this.ps()).services.find((one) => one.name === name);
    if (!found) throw new Error(`ps does not know ${name}`);
    return found;
  }

  /** Of its first replica; while that is started again, of the next one. */
  pid(name: string): Promise<number> {
    return eventually(`${name} has a process`, async () => (await this.service(name)).pids[0]);
  }

  /** Processes of the project, found by the marker in their environment. */
  processes(): readonly MarkedProcess[] {
    return markedProcesses(this.id);
  }

  /** The supervisor, as the lock names it. */
  supervisor(): number {
    return (JSON.parse(this.read('.camp/lock')) as { pid: number }).pid;
  }

  /** One GET; asked once more, as a browser does, when the connection is reset because Caddy takes another configuration. */
  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const once = (): Promise<Answer> =>
      ask({ port: this.#https, host: `${this.name}.localhost`, path, caFile: this.#caFile, headers });
    return once().catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') return once();
      throw error;
    });
  }

  async json(path: string): Promise<Record<string, unknown> & { readonly pid: number }> {
    const { status, text } = await this.get(path);
    if (status !== 200) throw new Error(`${path} answered ${status} ${text}`);
    return JSON.parse(text) as Record<string, unknown> & { pid: number };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const last = existsSync(this.dir) ? await this.camp(['down', '--force'], [0, 1, 2, 3, 4, 5, 6]) : undefined;
    for (const one of this.#shells) await one.end();
    await this.nothingIsLeft(last && last.code !== 0 ? `${last.stdout}${last.stderr}` : '');
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Processes, listeners, lock, sockets, claims of ports, temporary files: throws with what stays there. */
  async nothingIsLeft(context = ''): Promise<void> {
    await eventually(
      `nothing of ${this.name} is left ${context}`,
      () => this.leftovers().length === 0,
      10_000,
      () => this.leftovers(),
    );
  }

  leftovers(): readonly string[] {
    const state = this.path('.camp');
    const open = listeners().filter((one) => this.#ports.has(one.port));
    return [
      ...this.processes().map((one) => `process ${one.pid} ${one.replica}`),
      ...open.filter((one) => this.#listensFor(one.port)).map((one) => `listener ${one.port}`),
      ...['lock', 'run'].filter((name) => existsSync(join(state, name))).map((name) => `.camp/${name}`),
      ...list(resolve(this.home.dir, 'camp/state/ports')).map((name) => `claim ${name}`),
      ...list(join(this.home.dir, 'tmp'))
        .filter((name) => !name.startsWith('node-compile-cache'))
        .map((name) => `temporary ${name}`),
      ...[...list(this.dir), ...list(state)]
        .filter((name) => /^\.camp-|\.tmp$|\.stale\./.test(name))
        .map((name) => `temporary ${name}`),
    ];
  }

  /** A port may by now be somebody else's: only a claim of this home says whose it is. */
  #listensFor(port: number): boolean {
    return existsSync(resolve(this.home.dir, 'camp/state/ports', `${port}.lock`));
  }
}

function list(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function composeOf(name: string, services: Readonly<Record<string, ServiceWords>>): string {
  const entries = Object.entries(services).flatMap(([service, { env, replicas, grace, needs, lines }]) => [
    `  ${service}:`,
    `    build: services/${service}`,
    '    x-camp: { run: node main.mjs }',
    ...(replicas === undefined ? [] : ['    deploy:', `      replicas: ${replicas}`]),
    ...(grace ? [`    stop_grace_period: ${grace}`] : []),
    ...(needs ? [`    depends_on: [${needs.join(', ')}]`] : []),
    ...(env
      ? ['    environment:', ...Object.entries(env).map(([key, value]) => `      ${key}: ${JSON.stringify(value)}`)]
      : []),
    ...(lines ?? []).map((line) => `    ${line}`),
  ]);
  return [`name: ${name}`, 'x-camp: native', 'services:', ...entries, ''].join('\n');
}

function caddyfileOf(name: string, services: readonly string[]): string {
  return [
    `{$CAMP_DOMAIN:${name}.localhost} {`,
    ...services.map((service) => `\thandle_path /${service}/* {\n\t\treverse_proxy ${service}:8080\n\t}`),
    '}',
    '',
  ].join('\n');
}

/** Resolves as soon as `look` gives something true; rejects after `ms` with what `seen` says. */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  ms = 30_000,
  seen: () => unknown = () => '',
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what} ${JSON.stringify(seen())}`);
    await new Promise((done) => setTimeout(done, 15));
  }
}

/** Kills a pid and resolves when that very process is gone. */
export async function kill(pid: number): Promise<void> {
  const id = processInfo(pid);
  if (!id) throw new Error(`${pid} does not run`);
  process.kill(pid, 'SIGKILL');
  await eventually(`${pid} is dead`, () => !isAlive(id), 2000);
}
