import { statSync } from 'node:fs';
import { join } from 'node:path';
import { CampError, fail, failure, type Problem } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';
import { nearest } from '../kit/nearest.ts';
import { addComposeEntry } from '../project/edit/compose.ts';
import { composeFacts, isRecord, readDocument, servicesIn } from '../project/edit/compose-document.ts';
import { addComposeVolume, wireService } from '../project/edit/compose-wiring.ts';
import type { Edit } from '../project/edit/edit.ts';
import { type BackingKind, backingKindOf, backings, defaultName, passwordVariable } from './backing.ts';
import { checkName } from './names.ts';
import { parseManifest } from './npm-lock.ts';
import { composeFileOf, nameFromFolder, type TextFile } from './project-files.ts';
import { missingSecrets, secretChanges } from './secrets.ts';
import type { Change, ChangeSet } from './types.ts';
import { shared, useOf } from './wire-backing.ts';

/** What `camp add postgres` and its like were asked for. */
export interface AddBackingRequest {
  /** The project's folder. */
  readonly dir: string;
  readonly kind: BackingKind;
  /** Default: the one of its kind that is there, else `<service>-db` or `db` for a database, the kind for everything else. */
  readonly name?: string;
  /** Services that are to use it. */
  readonly users?: readonly string[];
  /** Variables of the environment, which Compose puts before those of .env. */
  readonly env?: NodeJS.ProcessEnv;
  /** Whether git tracks a file: then no secret is written into it. */
  isTracked?(path: string): Promise<boolean>;
}

/**
 * The lines of a backing service in compose.yaml, its password in .env, and the lines of the services that use it.
 * Reads, writes nothing; no changes where all is there already. Throws every problem at once: INVALID_NAME,
 * UNKNOWN_DEPENDENCY, DATABASE_SHARED, NOT_A_PROJECT (usage), COMPOSE_INVALID, SERVICE_EXISTS, VARIABLE_SET,
 * ADDRESS_UNKNOWN, COMPOSE_NOT_EDITABLE, SECRET_IN_GIT (project).
 */
export async function addBacking(request: AddBackingRequest): Promise<ChangeSet> {
  const { dir, kind } = request;
  const compose = composeFileOf(dir);
  if (!compose) fail('usage', 'NOT_A_PROJECT', `there is no compose.yaml in ${dir}`, { hints: ['camp init'] });
  const users = [...new Set(request.users ?? [])];
  const services = readServices(compose);
  const name = request.name ?? nameFor(kind, users, services);
  const existing = Object.hasOwn(services, name) ? services[name] : undefined;
  throwAll([
    existing === undefined ? checkName(name, 'service') : undefined,
    existing !== undefined && backingKindOf(existing) !== kind ? otherService(name, kind) : undefined,
    ...users.map((user) => unknownUser(user, name, services)),
    kind === 'postgres' && users.length > 1 ? shared(name, [], users) : undefined,
  ]);
  const edited = edit(compose, kind, name, users, existing !== undefined);
  const secrets = missingSecrets(edited, read(dir, '.env'), request.env, name);
  const changes = [
    ...(edited === compose.text ? [] : [{ path: compose.path, before: compose.text, after: edited }]),
    ...secretChanges(secrets, filesOf(dir)),
  ];
  await refuseTracked(changes, request);
  const facts = composeFacts(compose.text, compose.path);
  return {
    dir,
    project: ('problem' in facts ? undefined : facts.name) ?? nameFromFolder(dir),
    found: [],
    changes,
    notes:
      changes.length === 0
        ? [`${name} is there already, nothing to do`]
        : notesOn(request, name, users, changes, services),
    next: [
      'camp up',
      users.length > 0
        ? `camp logs ${users[0]} -f`
        : `camp add ${kind}${name === defaultName(kind, undefined) ? '' : ` ${name}`} --for SERVICE`,
    ],
  };
}

function readServices(compose: TextFile): Readonly<Record<string, unknown>> {
  const document = readDocument(compose.text, compose.path);
  if ('problem' in document) throw new CampError(document.problem);
  return servicesIn(document.plain);
}

/** A broker is shared, so the one that is there is meant; a database is not. */
function nameFor(kind: BackingKind, users: readonly string[], services: Readonly<Record<string, unknown>>): string {
  const fallback = defaultName(kind, users.length === 1 ? users[0] : undefined);
  const same = Object.keys(services).filter((name) => backingKindOf(services[name]) === kind);
  const [only] = same;
  return kind !== 'postgres' && same.length === 1 && only !== undefined ? only : fallback;
}

/** compose.yaml with the backing service, its volume, and the lines of everybody who uses it. */
function edit(compose: TextFile, kind: BackingKind, name: string, users: readonly string[], isThere: boolean): string {
  const backing = backings[kind];
  let text = compose.text;
  const apply = (one: (text: string) => Edit): Problem | undefined => {
    const edit = one(text);
    if ('text' in edit) text = edit.text;
    return 'problem' in edit ? edit.problem : undefined;
  };
  if (!isThere) {
    const entry = backing.entry(name, passwordVariable(name));
    throwAll([apply((before) => addComposeEntry(before, name, entry, compose.path))]);
    throwAll([apply((before) => addComposeVolume(before, name, compose.path))]);
  }
  if (users.length === 0) return text;
  const use = useOf(readServices({ ...compose, text }), kind, name, users);
  if ('problem' in use) throw new CampError(use.problem);
  throwAll(users.map((service) => apply((before) => wireService(before, { ...use.use, service, file: compose.path }))));
  return text;
}

function filesOf(dir: string): Parameters<typeof secretChanges>[1] {
  return { dotenv: read(dir, '.env'), example: read(dir, '.env.example'), ignore: read(dir, '.gitignore') };
}

function read(dir: string, name: string): string | undefined {
  return readText(join(dir, name));
}

/** A secret that git would publish is refused, with everything else. Throws SECRET_IN_GIT (project). */
export async function refuseTracked(
  changes: readonly Change[],
  { isTracked }: Pick<AddBackingRequest, 'isTracked'>,
): Promise<void> {
  for (const { path, isSecret } of changes)
    if (isSecret && (await isTracked?.(path)))
      fail('project', 'SECRET_IN_GIT', `${path} is tracked by git: a password in it would be published`, {
        hints: [`git rm --cached ${path}`],
      });
}

function notesOn(
  { dir, kind }: AddBackingRequest,
  name: string,
  users: readonly string[],
  changes: readonly Change[],
  services: Readonly<Record<string, unknown>>,
): readonly string[] {
  const { variable, note } = backings[kind];
  const secret = changes.find(({ isSecret }) => isSecret);
  return [
    ...(users.length > 0 ? [`${users.join(', ')} ${users.length > 1 ? 'find' : 'finds'} ${name} in ${variable}`] : []),
    ...(secret
      ? [`its password is in .env${isReadByOthers(dir) ? ', which others can read: chmod 600 .env' : ''}`]
      : []),
    ...(secret ? imageNote(dir, services) : []),
    ...users.flatMap((user) => clientNote(dir, user, kind)),
    ...(note ? [note] : []),
  ];
}

/** An image that is built from the whole folder would hold the passwords, unless .dockerignore keeps them out. */
function imageNote(dir: string, services: Readonly<Record<string, unknown>>): readonly string[] {
  const built = Object.entries(services).filter(([, entry]) => {
    const build = isRecord(entry) ? entry['build'] : undefined;
    const context = isRecord(build) ? (build['context'] ?? '.') : build;
    return typeof context === 'string' && /^\.?\/?$/.test(context);
  });
  if (built.length === 0 || /^(?:\*|(?:\*\*\/)?\.(?:env|\*).*)[ \t]*\r?$/m.test(read(dir, '.dockerignore') ?? ''))
    return [];
  return [
    `the image of ${built.map(([name]) => name).join(', ')} is built from this folder: put .env into .dockerignore`,
  ];
}

/** A .env that is there keeps its mode, whatever that is. */
function isReadByOthers(dir: string): boolean {
  return ((statSync(join(dir, '.env'), { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0;
}

const clients: Readonly<Record<BackingKind, string>> = {
  postgres: 'pg',
  redis: 'redis',
  nats: '@nats-io/transport-node',
  rabbitmq: 'amqplib',
  kafka: 'kafkajs',
};

/** How a service without one comes to a client. */
function clientNote(dir: string, user: string, kind: BackingKind): readonly string[] {
  const manifest = parseManifest(read(dir, `services/${user}/package.json`) ?? '');
  if (!manifest) return kind === 'nats' ? eventsNote(dir, user) : [];
  const dependencies = Object.keys({ ...(manifest['dependencies'] as object | undefined) });
  const client = clients[kind];
  const hasOne = dependencies.some((dependency) => dependency === client || dependency.endsWith('/kit'));
  return hasOne ? [] : [`npm install ${client} -w services/${user} gives ${user} a client for it`];
}

/** A service in Python or Go that is there stays as it is: what one with events has is in the template. */
function eventsNote(dir: string, user: string): readonly string[] {
  const folder = `services/${user}`;
  const [python, go] = ['pyproject.toml', 'go.mod'].map((file) => read(dir, `${folder}/${file}`));
  const [template, client] =
    python !== undefined
      ? ['python', `nats-py in ${folder}/pyproject.toml`]
      : ['go', `go -C ${folder} get github.com/nats-io/nats.go`];
  const has = python ?? go;
  if (has === undefined || /nats-py|nats-io\/nats\.go/.test(has)) return [];
  return [
    `${client} gives ${user} a client for it`,
    `camp add service NAME --template ${template} --needs nats makes a service that handles events, to copy from`,
  ];
}

function otherService(name: string, kind: BackingKind): Problem {
  return failure('project', 'SERVICE_EXISTS', `there is a service ${name} already, and it is no ${kind}`, {
    hints: [`camp add ${kind} ANOTHER-NAME`],
  }) as Problem;
}

function unknownUser(user: string, name: string, services: Readonly<Record<string, unknown>>): Problem | undefined {
  const known = Object.keys(services).filter(
    (service) => service !== 'edge' && service !== name && !backingKindOf(services[service]),
  );
  if (known.includes(user)) return undefined;
  const meant = nearest(user, known);
  return failure('usage', 'UNKNOWN_DEPENDENCY', `there is no service ${JSON.stringify(user)} that could use it`, {
    hints: [
      meant ? `did you mean ${meant}?` : known.length > 0 ? `--for ${known.join(', ')}` : 'camp add service NAME',
    ],
  }) as Problem;
}

function throwAll(problems: readonly (Problem | undefined)[]): void {
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new CampError(found);
}
