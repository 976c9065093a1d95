import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { fail } from '../kit/failure.ts';
import type { Project, Service } from '../project/types.ts';
import type { ProjectStatus } from '../report/types.ts';
import { ask } from './client.ts';
import { brokersLetters } from './dlq-broker.ts';
import { stateFolders } from './folders.ts';
import { type LookRequest, readProject, status } from './look.ts';

/** The project's own program for dead letters, which knows those in databases too. */
const program = 'packages/kit/src/dlq-cli.ts';

/** How the program ends when what it was asked for is not there. */
const unknownLetter = 2;

/** Where dead letters lie: with the broker, and in the databases of the services that have none. */
interface Graves {
  readonly nats: string | undefined;
  readonly databases: readonly string[];
}

/**
 * Runs the kit's program for dead letters against the broker of the running project and the databases of its services
 * without one; what it prints is the answer. Where there is no kit, as with services in Python and Go alone, camp looks at the
 * broker itself. Throws NO_KIT, NOT_RUNNING, NO_BROKER or NO_DEAD_LETTER (usage), and
 * DLQ_UNREACHABLE (service).
 */
export async function dlq(request: LookRequest, args: readonly string[]): Promise<void> {
  process.chdir(request.dir);
  const { project } = readProject(request);
  const hasKit = existsSync(join(request.dir, program));
  if (!hasKit && ![...project.services.values()].some(usesNats))
    fail('usage', 'NO_KIT', `${project.name} has no kit: ${program} is not there`, {
      hints: [
        'camp add service NAME --template worker',
        'the dead letters of other consumers are where those put them',
      ],
    });
  const now = await status(request);
  if (!now.running) fail('usage', 'NOT_RUNNING', `${project.name} is not running`, { hints: ['camp up -d'] });
  const { nats, databases } = await gravesOf(request, project, now);
  if (nats === undefined && (databases.length === 0 || !hasKit))
    fail('usage', 'NO_BROKER', `${project.name} has neither a broker nor a database that its consumers use`, {
      hints: ['camp add nats', 'camp add postgres --for SERVICE'],
    });
  if (!hasKit && nats !== undefined) {
    process.stdout.write(`${await brokersLetters(nats, args)}\n`);
    return;
  }
  const { NATS_URL: _nats, NATS: _short, DATABASE_URL: _url, DB: _file, ...env } = request.env;
  const own = { ...env, ...(nats ? { NATS_URL: nats } : {}), DATABASE_URLS: JSON.stringify(databases) };
  const { code, signal, stderr } = await execute([process.execPath, program, ...args], own);
  if (signal) {
    process.exitCode = 128 + constants.signals[signal];
    return;
  }
  const message = stderr.trim().split('\n').at(-1) || `${program} ended with ${code}`;
  if (code === unknownLetter) fail('usage', 'NO_DEAD_LETTER', message, { hints: ['camp dlq ls'] });
  if (code !== 0) fail('service', 'DLQ_UNREACHABLE', message, { hints: ['camp ps', 'camp logs'] });
}

const usesNats = ({ env }: Service): boolean => env['NATS_URL'] !== undefined;

/** As the project's own services reach them, or, where those are in a network of their own, as this machine does. */
async function gravesOf({ dir, instance }: LookRequest, project: Project, now: ProjectStatus): Promise<Graves> {
  const folders = stateFolders(dir, instance);
  const databases = new Set<string>();
  let nats: string | undefined;
  for (const { name } of now.services) {
    const service = project.services.get(name);
    const live = await ask(folders, 'environment', { service: name }, () => undefined);
    const env = (live as Service['env'] | undefined) ?? service?.env ?? {};
    const broker = reachable(env['NATS_URL'], now);
    const database = broker === undefined && service ? databaseOf(env, service, dir, now) : undefined;
    nats ??= broker;
    if (database !== undefined) databases.add(database);
  }
  return {
    nats: nats ?? now.services.find(({ url }) => url?.startsWith('nats://'))?.url ?? undefined,
    databases: [...databases],
  };
}

/** As the kit finds it: DATABASE_URL, else the file of SQLite that DB names. */
function databaseOf(env: Service['env'], service: Service, dir: string, now: ProjectStatus): string | undefined {
  const url = env['DATABASE_URL'];
  if (url && /^postgres(ql)?:/.test(url)) return reachable(url, now);
  const file = url ? /^(?:sqlite|file):(?:\/\/)?(.+)/.exec(url)?.[1] : env['DB'];
  if (!file || file === ':memory:') return undefined;
  const path = resolve(service.start?.kind === 'command' ? service.start.cwd : dir, file);
  return existsSync(path) ? `sqlite:${path}` : undefined;
}

/** A name is that of a container, and known to containers alone: this machine has another address for it. */
function reachable(url: string | undefined, { services }: ProjectStatus): string | undefined {
  const known = url ? URL.parse(url) : null;
  if (!known) return undefined;
  if (known.hostname === 'localhost' || /^[\d.]+$|^\[/.test(known.hostname)) return url;
  const here = services.find(({ name }) => name === known.hostname)?.url;
  const address = here ? URL.parse(here) : null;
  if (!address) return undefined;
  known.host = address.host;
  return known.href;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

function execute(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'inherit', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // Ctrl-C reaches it by itself, being in the same group: camp only waits for what it makes of it
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', (signal) => child.kill(signal));
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stderr }));
  });
}
