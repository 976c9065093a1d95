import { join } from 'node:path';
import { CampError, fail, failure, type Problem } from '../kit/failure.ts';
import { nearest } from '../kit/nearest.ts';
import { addRoute, routeOf } from '../project/edit/caddyfile.ts';
import { addComposeService } from '../project/edit/compose.ts';
import { type ComposeFacts, composeFacts } from '../project/edit/compose-document.ts';
import type { Edit } from '../project/edit/edit.ts';
import { parseRoute } from '../project/edit/route-path.ts';
import { refuseTracked } from './add-backing.ts';
import { backingKinds } from './backing.ts';
import { hasKit } from './kit.ts';
import { checkName } from './names.ts';
import { caddyfileOf, composeFileOf, nameFromFolder, namesIn, type TextFile } from './project-files.ts';
import { addNewBacking, backingFor, secretsFor } from './service-backing.ts';
import { sharedChanges } from './service-shared.ts';
import { serviceValues } from './service-values.ts';
import { renderTemplate, templateNames } from './templates.ts';
import type { Change, ChangeSet } from './types.ts';

/** What `camp add service` was asked for. */
export interface AddServiceRequest {
  /** The project's folder. */
  readonly dir: string;
  readonly name: string;
  /** Default `node`. */
  readonly template?: string;
  /** Default `/api/<name>`, `/<name>` for a static service, none for a worker. */
  readonly route?: string;
  /** A site of its own, `<name>.<domain>`, instead of a path. */
  readonly host?: boolean;
  /** Services of the project that the new one calls, databases and brokers that it uses. */
  readonly needs?: readonly string[];
  /** The type of event that a worker, or a service in Python or Go with a broker, handles. Default `<name>.requested`. */
  readonly on?: string;
  /** Variables of the environment, which Compose puts before those of .env. */
  readonly env?: NodeJS.ProcessEnv;
  /** Whether git tracks a file: then no secret is written into it. */
  isTracked?(path: string): Promise<boolean>;
}

/**
 * The files that a new service needs and the lines that it adds to compose.yaml and the Caddyfile. Reads,
 * writes nothing; no changes where the service is there already. Throws every problem at once: INVALID_NAME,
 * UNKNOWN_TEMPLATE, INVALID_ROUTE, INVALID_EVENT, UNKNOWN_DEPENDENCY, DATABASE_SHARED, NOT_A_PROJECT (usage),
 * COMPOSE_INVALID, CADDYFILE_INVALID, SERVICE_EXISTS, ROUTE_TAKEN, FILE_EXISTS, COMPOSE_NOT_EDITABLE,
 * ADDRESS_UNKNOWN, SECRET_IN_GIT (project).
 */
export async function addService(request: AddServiceRequest): Promise<ChangeSet> {
  const { dir, name } = request;
  const compose = composeFileOf(dir);
  if (!compose) fail('usage', 'NOT_A_PROJECT', `there is no compose.yaml in ${dir}`, { hints: ['camp init'] });
  const caddyfile = caddyfileOf(dir);
  const template = request.template ?? 'node';
  const isWorker = template === 'worker';
  const folder = `services/${name}`;
  const facts = composeFacts(compose.text, compose.path);
  const asked = [...new Set(request.needs ?? [])];
  const route = routeFor(request, template);
  throwAll([
    checkName(name, 'service'),
    unknownTemplate(template),
    wrongEvent(request),
    'problem' in route ? route.problem : undefined,
    ...('problem' in facts ? [facts.problem] : asked.map((need) => unknownNeed(need, name, facts))),
  ]);
  if ('problem' in facts || 'problem' in route) throw new CampError([]);
  const project = facts.name ?? nameFromFolder(dir);
  const before = { dir, project, found: [], next: nextSteps(name) };
  const backing = backingFor(compose, name, asked, isWorker ? ['nats', 'postgres'] : []);
  if ('problem' in backing) throw new CampError(backing.problem);
  const hasEvents = backing.uses.some(({ kind }) => kind === 'nats');
  const isConsumer = isWorker || (hasEvents && withEvents.includes(template));
  throwAll([isConsumer ? undefined : uselessEvent(request, template)]);
  const usesKit = isWorker || (template === 'node' && (hasKit(dir) || backing.uses.length > 0));
  const inCompose = addComposeService(compose.text, {
    ...{ name, build: folder, dependsOn: backing.needs, file: compose.path },
    ...(usesKit ? { contexts: ['project=.'] } : {}),
    ...backing.lines,
  });
  const hasFolder = namesIn(join(dir, folder)).length > 0;
  if ('unchanged' in inCompose && hasFolder) {
    throwAll([otherTemplate(request, dir, folder), otherRoute(request, route.path, caddyfile)]);
    return { ...before, changes: [], notes: [`${name} is there already, nothing to do`] };
  }
  const domain = `${project}.localhost`;
  const isRouted = !isWorker || request.host === true || request.route !== undefined;
  const at = request.host ? { host: name } : { path: route.path };
  const inCaddyfile: Edit = isRouted
    ? addRoute(caddyfile?.text ?? '', { service: name, port: 8080, domain, at })
    : { unchanged: true };
  throwAll([
    'problem' in inCompose ? inCompose.problem : undefined,
    'problem' in inCaddyfile ? inCaddyfile.problem : undefined,
    hasFolder && 'text' in inCompose ? folderExists(folder) : undefined,
  ]);
  const values = serviceValues({
    name,
    project,
    route: request.host ? '/' : route.path,
    needs: backing.services.map((need) => ({ name: need, prefix: routeOf(caddyfile?.text ?? '', need) ?? '' })),
    hasDatabase: backing.uses.some(({ kind }) => kind === 'postgres'),
    hasEvents,
    ...(isConsumer ? { eventType: request.on ?? `${name}.requested` } : {}),
  });
  const code = [
    ...(await renderTemplate('service', usesKit && !isWorker ? 'node-kit' : template, folder, values)),
    ...(isConsumer && !isWorker ? await renderTemplate('service', `${template}-events`, folder, values) : []),
  ];
  const files = values.hasDatabase ? code : code.filter(({ path }) => !path.startsWith(`${folder}/migrations/`));
  const text = 'text' in inCompose ? inCompose.text : compose.text;
  const withBacking = addNewBacking({ ...compose, text }, backing.missing);
  const shared = await sharedChanges(request, project, facts, usesKit, files, template);
  const secrets = secretsFor(request, withBacking, backing.uses);
  await refuseTracked(secrets, request);
  return {
    ...before,
    changes: [
      ...files,
      ...shared.changes,
      ...secrets,
      ...changeOf(compose, withBacking === compose.text ? { unchanged: true } : { text: withBacking }),
      ...changeOf(caddyfile ?? { path: 'Caddyfile' }, inCaddyfile),
    ],
    notes: [
      isRouted
        ? `${folder} is a ${template} service at ${request.host ? `https://${name}.${domain}` : `https://${domain}${route.path === '/' ? '' : route.path}/`}`
        : `${folder} handles every ${values.eventType} that comes`,
      ...(isConsumer && isRouted ? [`it handles every ${values.eventType} that comes, and can send events`] : []),
      ...backing.missing.map((one) => `${one.name} is its ${one.kind}`),
      ...shared.notes,
    ],
  };
}

function nextSteps(name: string): readonly string[] {
  return ['camp up', `camp logs ${name} -f`];
}

function throwAll(problems: readonly (Problem | undefined)[]): void {
  const found = problems.filter((problem) => problem !== undefined);
  if (found.length > 0) throw new CampError(found);
}

function usage(code: string, message: string, hint: string): Problem {
  return failure('usage', code, message, { hints: [hint] }) as Problem;
}

function routeFor(request: AddServiceRequest, template: string): ReturnType<typeof parseRoute> {
  if (request.host && request.route !== undefined)
    return {
      problem: usage(
        'INVALID_ROUTE',
        '--route and --host exclude each other: a path on the site, or a site of its own',
        'leave one of them out',
      ),
    };
  const fallback = template === 'static' ? `/${request.name}` : `/api/${request.name}`;
  // A name that is no name has a problem of its own; its route would only repeat it.
  return request.route === undefined ? { path: fallback } : parseRoute(request.route);
}

/** Two words or more, with dots between: `orders.created`. */
function wrongEvent({ on }: AddServiceRequest): Problem | undefined {
  if (on === undefined) return undefined;
  if (/^[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+$/.test(on) && on.length <= 200) return undefined;
  return usage('INVALID_EVENT', `${JSON.stringify(on.toWellFormed())} is no type of event`, '--on orders.created');
}

/** Templates whose services handle events where they use a broker; a worker always does, with the kit. */
const withEvents: readonly string[] = ['python', 'go'];

function uselessEvent({ on }: AddServiceRequest, template: string): Problem | undefined {
  if (on === undefined) return undefined;
  return withEvents.includes(template)
    ? usage('INVALID_EVENT', '--on is for services with a broker', '--needs nats')
    : usage('INVALID_EVENT', '--on is for workers, and for python and go with a broker', '--template worker');
}

function unknownTemplate(template: string): Problem | undefined {
  const known = templateNames('service');
  if (known.includes(template)) return undefined;
  const meant = nearest(template, known);
  return usage(
    'UNKNOWN_TEMPLATE',
    `there is no service template ${JSON.stringify(template)}`,
    meant ? `did you mean ${meant}?` : `--template ${known.join(', ')}`,
  );
}

function unknownNeed(need: string, name: string, facts: ComposeFacts): Problem | undefined {
  const known = facts.services
    .map((service) => service.name)
    .filter((service) => service !== 'edge' && service !== name);
  if (known.includes(need)) return undefined;
  const meant = nearest(need, known);
  const add = need.endsWith('-db') ? `camp add postgres ${need}` : `camp add ${need}`;
  if (meant === undefined && (need.endsWith('-db') || backingKinds.some((kind) => kind === need)))
    return usage('UNKNOWN_DEPENDENCY', `service ${JSON.stringify(need)} is needed, which is not defined`, add);
  const list = known.length > 0 ? `--needs ${known.join(', ')}` : 'add that service first';
  return usage(
    'UNKNOWN_DEPENDENCY',
    `service ${JSON.stringify(need)} is needed, which is not defined`,
    meant ? `did you mean ${meant}?` : list,
  );
}

/** The file that tells which template a folder came from. */
const marks: Readonly<Record<string, string>> = {
  node: 'package.json',
  worker: 'package.json',
  python: 'main.py',
  go: 'go.mod',
  static: 'index.html',
};

function otherTemplate(request: AddServiceRequest, dir: string, folder: string): Problem | undefined {
  const mark = request.template === undefined ? undefined : marks[request.template];
  if (!mark || namesIn(join(dir, folder)).includes(mark)) return undefined;
  return failure(
    'project',
    'SERVICE_EXISTS',
    `there is a service ${request.name} already, and ${folder} has no ${mark}`,
    { hints: ['choose another name'] },
  ) as Problem;
}

function otherRoute(request: AddServiceRequest, path: string, caddyfile: TextFile | undefined): Problem | undefined {
  if (request.route === undefined || !caddyfile) return undefined;
  const now = routeOf(caddyfile.text, request.name);
  if (now === undefined || (now || '/') === path) return undefined;
  return failure('project', 'SERVICE_EXISTS', `service ${request.name} is there already, at ${now || '/'}`, {
    hints: ['change its route in the Caddyfile'],
  }) as Problem;
}

function folderExists(folder: string): Problem {
  return failure('project', 'FILE_EXISTS', `${folder} is there already and is not overwritten`, {
    hints: ['choose another name, or move the folder away'],
  }) as Problem;
}

function changeOf(file: { readonly path: string; readonly text?: string }, edit: Edit): readonly Change[] {
  if (!('text' in edit)) return [];
  return [{ path: file.path, ...(file.text === undefined ? {} : { before: file.text }), after: edit.text }];
}
