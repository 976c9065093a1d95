import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CampError, fail } from '../kit/failure.ts';
import type { Project, Service } from '../project/types.ts';
import type { ProjectStatus } from '../report/types.ts';
import { ask } from './client.ts';
import { brokersGraves } from './dlq-broker.ts';
import { type Graves, type Letter, tend } from './dlq-letters.ts';
import { stateFolders } from './folders.ts';
import { type LookRequest, readProject, status } from './look.ts';

/** The project's own program for the dead letters in a database. */
const program = 'packages/kit/src/dlq-cli.ts';

/** How it ends where the database has no table for them. */
const noTable = 2;

/**
 * Tends the dead letters of a running project: those that its broker keeps and, by the kit's program, those in the databases of
 * services without one. Throws NO_KIT, NOT_RUNNING, NO_BROKER or NO_DEAD_LETTER (usage), and DLQ_UNREACHABLE (service).
 */
export async function dlq(request: LookRequest, args: readonly string[]): Promise<void> {
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
  const { nats, databases } = await placesOf(request, project, now);
  if (nats === undefined && (databases.length === 0 || !hasKit))
    fail('usage', 'NO_BROKER', `${project.name} has neither a broker nor a database that its consumers use`, {
      hints: ['camp add nats', 'camp add postgres --for SERVICE'],
    });
  const open: Graves[] = [];
  try {
    if (nats) open.push(await brokersGraves(nats));
    const kept = hasKit ? await Promise.all(databases.map((url) => databasesGraves(request, url))) : [];
    open.push(...kept.filter((graves) => graves !== undefined));
    if (open.length === 0)
      fail('usage', 'NO_DEAD_LETTER', 'no database here keeps dead letters: none has the table camp_dead_letters', {
        hints: ['camp dlq ls'],
      });
    process.stdout.write(`${await tend(open, args)}\n`);
  } catch (error) {
    if (error instanceof CampError) throw error;
    fail('service', 'DLQ_UNREACHABLE', error instanceof Error ? error.message : String(error), {
      hints: ['camp ps', 'camp logs'],
    });
  } finally {
    for (const graves of open) graves.close();
  }
}

/** Undefined where no service with the kit has been at work in this database. */
async function databasesGraves({ dir, env }: LookRequest, url: string): Promise<Graves | undefined> {
  const run = async (...args: string[]): Promise<readonly Letter[]> => {
    const own = { cwd: dir, env: { ...env, DATABASE_URL: url }, maxBuffer: Number.POSITIVE_INFINITY };
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], own);
    return (JSON.parse(stdout) as { letters: readonly Letter[] }).letters;
  };
  try {
    return { letters: await run('ls'), replay: ({ id }) => run('replay', id), close: () => undefined };
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === noTable) return undefined;
    throw new Error(stderr?.trim().split('\n').at(-1) || String(error));
  }
}

const usesNats = ({ env }: Service): boolean => env['NATS_URL'] !== undefined;

/** As the project's own services reach them, or, where those are in a network of their own, as this machine does. */
async function placesOf(
  { dir, instance }: LookRequest,
  project: Project,
  now: ProjectStatus,
): Promise<{ nats: string | undefined; databases: string[] }> {
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
