import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import { CampError, fail, failure, type Problem } from '../kit/failure.ts';
import { nearest } from '../kit/nearest.ts';
import { adopt, type Discovered } from './adopt.ts';
import { caddyfileForCompose } from './caddyfile-for-compose.ts';
import { projectIgnore, renderKit } from './kit.ts';
import { checkName, suggestName } from './names.ts';
import { workspaceFiles } from './node-workspace.ts';
import { caddyfileOf, composeFileOf, nameFromFolder, namesIn } from './project-files.ts';
import { missingSecrets, secretChanges } from './secrets.ts';
import { serviceValues } from './service-values.ts';
import { renderStarter, renderTemplate, starterManifest, templateNames } from './templates.ts';
import type { Change, ChangeSet } from './types.ts';

/** What `camp init` was asked for. */
export interface InitRequest {
  /** Absolute; need not be there yet. */
  readonly dir: string;
  /** Default `hello`. A folder that has code is adopted instead, unless a starter is asked for by name. */
  readonly starter?: string;
  /** Default: the folder's name. */
  readonly name?: string;
  /** Finds what can be started in a folder: `discoverServices` of the project room. */
  discover(dir: string): readonly Discovered[] | Promise<readonly Discovered[]>;
}

/**
 * The files of a new project, or, in a folder that has code, compose.yaml and Caddyfile for what is there.
 * Reads, writes nothing. Throws INVALID_NAME, UNKNOWN_STARTER (usage), NOT_A_FOLDER, COMPOSE_INVALID (project).
 */
export async function initProject(request: InitRequest): Promise<ChangeSet> {
  const { dir } = request;
  const stat = lstatSync(dir, { throwIfNoEntry: false });
  const project = request.name ?? projectName(dir, stat !== undefined);
  const problems = [
    checkName(project, 'project'),
    request.starter === undefined ? undefined : unknownStarter(request.starter),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new CampError(problems);
  const names = namesInFolder(dir);
  const compose = composeFileOf(dir);
  const caddyfile = caddyfileOf(dir);
  const nothing: ChangeSet = { dir, project, changes: [], found: [], notes: [], next: ['camp up'] };
  if (compose && caddyfile)
    return { ...nothing, notes: [`${compose.path} and Caddyfile are there already, nothing to do`] };
  if (compose) {
    const { text, found, name } = caddyfileForCompose(dir, compose, request.name);
    return {
      ...nothing,
      project: name,
      found,
      changes: [{ path: 'Caddyfile', after: text }],
      notes: [`Caddyfile made for ${compose.path}, which stays as it is`],
    };
  }
  const discovered = request.starter === undefined && names.length > 0 ? await request.discover(dir) : [];
  if (discovered.length === 0)
    return { ...nothing, ...(await fromStarter(request.starter ?? 'hello', project, new Set(names))) };
  const adopted = adopt(dir, project, discovered);
  const changes: Change[] = [{ path: 'compose.yaml', after: adopted.compose }];
  if (!caddyfile) changes.push({ path: 'Caddyfile', after: adopted.caddyfile });
  return {
    ...nothing,
    found: adopted.found,
    changes,
    notes: [
      `found ${adopted.found.length === 1 ? '1 service' : `${adopted.found.length} services`}; nothing but ${changes.map(({ path }) => path).join(' and ')} is written`,
    ],
  };
}

/** A folder that is still to be made is being named right now, so its name must be valid; one that is there may be called anything. */
function projectName(dir: string, isThere: boolean): string {
  const name = basename(dir);
  return isThere && suggestName(name) !== undefined ? nameFromFolder(dir) : name;
}

function namesInFolder(dir: string): readonly string[] {
  try {
    return namesIn(dir).filter((name) => name !== '.camp');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error;
    fail('usage', 'NOT_A_FOLDER', `${dir} is a file, not a folder`, { hints: ['choose another folder'] });
  }
}

function unknownStarter(starter: string): Problem | undefined {
  const known = templateNames('starter');
  if (known.includes(starter)) return undefined;
  const meant = nearest(starter, known);
  return failure('usage', 'UNKNOWN_STARTER', `there is no starter ${JSON.stringify(starter)}`, {
    hints: [meant ? `did you mean ${meant}?` : `--starter ${known.join(', ')}`],
  }) as Problem;
}

/** A starter's own files, and the services that it comes with. A README or .gitignore that is there already stays. */
async function fromStarter(
  starter: string,
  project: string,
  present: ReadonlySet<string>,
): Promise<Pick<ChangeSet, 'changes' | 'notes' | 'next'>> {
  const manifest = starterManifest(starter);
  const own = await renderStarter(starter, { name: project, project });
  const services = starter === 'hello' ? await helloServices(project) : [];
  const kit = manifest.kit ? await kitFiles(project, own, manifest.workspaces) : [];
  const code = [...services, ...own, ...kit];
  const all = [...code, ...workspaceFiles(project, code, manifest.workspaces), ...secretsOf(manifest.secrets, own)];
  const kept = all
    .filter(({ path }) => present.has(path) && /^(README\.md|\.gitignore)$/.test(path))
    .map(({ path }) => path);
  return {
    changes: all.filter(({ path }) => !kept.includes(path)),
    notes: kept.map(
      (path) => `${path} is yours and stays as it is${path === '.gitignore' ? '; add .camp/ and .env to it' : ''}`,
    ),
    next: manifest.next,
  };
}

async function kitFiles(
  project: string,
  own: readonly Change[],
  workspaces: readonly string[],
): Promise<readonly Change[]> {
  const folders = workspaces.map((glob) => glob.replace(/\/\*$/, ''));
  const ignore = own.some(({ path }) => path === '.dockerignore')
    ? []
    : [{ path: '.dockerignore', after: projectIgnore(folders) }];
  return [...(await renderKit(project)), ...ignore];
}

/** `.env` with a password for each that the starter asks for, and `.env.example` with their names. */
function secretsOf(said: readonly string[], own: readonly Change[]): readonly Change[] {
  const textOf = (name: string) => own.find(({ path }) => path === name)?.after;
  const names = new Set([...said, ...missingSecrets(textOf('compose.yaml') ?? '', textOf('.env'))]);
  const files = { dotenv: undefined, example: textOf('.env.example'), ignore: textOf('.gitignore') };
  return secretChanges([...names], files).filter((change) => !own.some(({ path }) => path === change.path));
}

async function helloServices(project: string): Promise<readonly Change[]> {
  const api = serviceValues({ name: 'api', project, route: '/api', needs: [] });
  const web = serviceValues({ name: 'web', project, route: '/', needs: [{ name: 'api', prefix: '/api' }] });
  return [
    ...(await renderTemplate('service', 'node', 'services/api', api)),
    ...(await renderTemplate('service', 'static', 'services/web', web)),
  ];
}
