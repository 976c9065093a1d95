import { isAlias, isMap, isScalar, type Node, type Pair, type YAMLMap } from '../yaml.ts';
import { isRecord, readDocument, servicesIn } from './compose-document.ts';
import { type Edit, problemAt, sourceAt } from './edit.ts';
import { insertPair, type Plain, pairOf } from './yaml-layout.ts';

/** A service that camp made: a folder with a Dockerfile, and what it waits for. */
export interface ServiceAddition {
  readonly name: string;
  /** Relative to compose.yaml: `services/orders`. */
  readonly build: string;
  readonly dependsOn: readonly string[];
  /** Folders that its image gets besides: `project=.`. */
  readonly contexts?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What is waited for of those in `dependsOn`, where that is more than their start. */
  readonly conditions?: Readonly<Record<string, string>>;
  /** For positions in problems. Default `compose.yaml`. */
  readonly file?: string;
}

type Entry = Readonly<Record<string, Plain>>;

/**
 * Adds a service to a compose file by inserting lines; every other byte stays (but for
 * the braces of an empty `services: {}`). Unchanged where it is there with the same build.
 * Problems: COMPOSE_INVALID where the text cannot be read, SERVICE_EXISTS, COMPOSE_NOT_EDITABLE.
 */
export function addComposeService(text: string, addition: ServiceAddition): Edit {
  const file = addition.file ?? 'compose.yaml';
  const read = readDocument(text, file);
  if ('problem' in read) return read;
  const existing = serviceIn(read.root, addition.name);
  if (existing) return compareExisting(text, file, existing, addition, read.plain);
  return addComposeEntry(text, addition.name, entryOf(addition), file);
}

/** Adds a service that is not there yet, whatever its lines. Problems as of `addComposeService`. */
export function addComposeEntry(text: string, name: string, entry: Entry, file = 'compose.yaml'): Edit {
  const read = readDocument(text, file);
  if ('problem' in read) return read;
  const { root } = read;
  const pair = root && pairOf(root, 'services');
  const services = pair?.value;
  const notEditable = (node: Node | null | undefined, what: string) =>
    problemAt(
      sourceAt(file, text, node?.range?.[0] ?? 0),
      'COMPOSE_NOT_EDITABLE',
      what,
      'write the services below services: as a plain map, one a line',
    );
  if (pair && services && !isMap(services) && !(isScalar(services) && services.value === null))
    return notEditable(
      services as Node,
      `services: is ${isAlias(services) ? 'an alias' : 'not a map'}, nothing can be added to it`,
    );
  const edited = insertPair(text, root, ['services'], name, entry);
  if (edited === undefined || !addsOnly(read.plain, edited, name, entry))
    return notEditable(
      (pair?.key ?? root) as Node | null,
      'the file is laid out in a way that camp cannot add a service to',
    );
  return { text: edited };
}

function entryOf(addition: ServiceAddition): Entry {
  const { build, contexts, environment, conditions, dependsOn } = addition;
  const waitsFor: Plain = conditions
    ? Object.fromEntries(dependsOn.map((name) => [name, { condition: conditions[name] ?? 'service_started' }]))
    : dependsOn;
  return {
    build: contexts ? { context: build, additional_contexts: contexts } : build,
    ...(environment && Object.keys(environment).length > 0 ? { environment } : {}),
    ...(dependsOn.length > 0 ? { depends_on: waitsFor } : {}),
  };
}

function serviceIn(root: YAMLMap | undefined, name: string): Pair | undefined {
  const services = root && pairOf(root, 'services')?.value;
  return isMap(services) ? pairOf(services, name) : undefined;
}

function compareExisting(text: string, file: string, existing: Pair, addition: ServiceAddition, plain: unknown): Edit {
  const entry = servicesIn(plain)[addition.name];
  const build = isRecord(entry) ? entry['build'] : undefined;
  const context = isRecord(build) ? build['context'] : build;
  const same = typeof context === 'string' && context.replace(/^\.\//, '').replace(/\/$/, '') === addition.build;
  const source = sourceAt(file, text, (existing.key as Node).range?.[0] ?? 0, addition.name.length);
  if (!same)
    return problemAt(
      source,
      'SERVICE_EXISTS',
      `there is a service ${addition.name} already`,
      `choose another name, or remove it from ${file}`,
    );
  const dependsOn = isRecord(entry) ? entry['depends_on'] : undefined;
  const waitsFor = Array.isArray(dependsOn) ? dependsOn.map(String) : isRecord(dependsOn) ? Object.keys(dependsOn) : [];
  const missing = addition.dependsOn.filter((name) => !waitsFor.includes(name));
  if (missing.length > 0)
    return problemAt(
      source,
      'SERVICE_EXISTS',
      `service ${addition.name} is there already and does not depend on ${missing.join(', ')}`,
      `add depends_on: [${[...waitsFor, ...missing].join(', ')}] to it`,
    );
  return { unchanged: true };
}

/** Reads the result again: it must say what the old one said, and the new service. */
function addsOnly(before: unknown, edited: string, name: string, entry: Entry): boolean {
  const read = readDocument(edited, 'compose.yaml');
  if ('problem' in read) return false;
  const expected = { ...(isRecord(before) ? before : {}), services: { ...servicesIn(before), [name]: entry } };
  return JSON.stringify(read.plain) === JSON.stringify(expected);
}
