import { type Document, isMap, isScalar, type Node, parseDocument, type YAMLMap } from '../yaml.ts';
import { type Edit, problemAt, sourceAt } from './edit.ts';

export interface ReadDocument {
  readonly root: YAMLMap | undefined;
  readonly plain: unknown;
}

/** Parses a compose file, keeping positions; COMPOSE_INVALID with the position of the first error. */
export function readDocument(text: string, file: string): ReadDocument | Extract<Edit, { problem: unknown }> {
  if (text.length > 1_000_000)
    return problemAt(
      sourceAt(file, '', 0),
      'COMPOSE_INVALID',
      'the file is larger than 1 MB',
      'split it with include:',
    );
  const document: Document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  const hint = `docker compose -f ${file} config`;
  if (error) return problemAt(sourceAt(file, text, error.pos[0]), 'COMPOSE_INVALID', firstLine(error.message), hint);
  const root = document.contents;
  if (root !== null && !isMap(root) && !(isScalar(root) && root.value === null))
    return problemAt(
      sourceAt(file, text, (root as Node).range?.[0] ?? 0),
      'COMPOSE_INVALID',
      'a compose file is a map of name:, services: and so on',
      hint,
    );
  try {
    return { root: isMap(root) ? root : undefined, plain: document.toJS() as unknown };
  } catch (cause) {
    return problemAt(
      sourceAt(file, text, 0),
      'COMPOSE_INVALID',
      firstLine(cause instanceof Error ? cause.message : String(cause)),
      hint,
    );
  }
}

function firstLine(message: string): string {
  const [line = ''] = message.replace(/; please use YAML.*/, '').split('\n');
  return line.charAt(0).toLowerCase() + line.slice(1);
}

export function servicesIn(plain: unknown): Readonly<Record<string, unknown>> {
  const services = isRecord(plain) ? plain['services'] : undefined;
  return isRecord(services) ? services : {};
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a compose file says of a service, as far as a route to it needs it. */
export interface ServiceFacts {
  readonly name: string;
  readonly image?: string;
  /** Folder of its build, as written. */
  readonly build?: string;
  /** Ports inside the container, published ones first. */
  readonly ports: readonly number[];
}

export interface ComposeFacts {
  /** `name:` where it is a plain word. */
  readonly name?: string;
  readonly services: readonly ServiceFacts[];
}

/** The facts of a compose file; none of it is validated. A problem where the text cannot be read. */
export function composeFacts(text: string, file: string): ComposeFacts | Extract<Edit, { problem: unknown }> {
  const read = readDocument(text, file);
  if ('problem' in read) return read;
  const name = isRecord(read.plain) ? read.plain['name'] : undefined;
  const services = Object.entries(servicesIn(read.plain)).map(([service, entry]) =>
    factsOf(service, isRecord(entry) ? entry : {}),
  );
  return { ...(typeof name === 'string' && !name.includes('$') ? { name } : {}), services };
}

function factsOf(name: string, entry: Readonly<Record<string, unknown>>): ServiceFacts {
  const { image, build } = entry;
  const context = isRecord(build) ? (build['context'] ?? '.') : build;
  const ports = [...listOf(entry['ports']), ...listOf(entry['expose'])]
    .map(containerPort)
    .filter((port) => port !== undefined);
  return {
    name,
    ...(typeof image === 'string' ? { image } : {}),
    ...(typeof context === 'string' ? { build: context } : {}),
    ports: [...new Set(ports)],
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The port inside the container: 80 of `8080:80/tcp`, of `80`, of `{target: 80}`. */
function containerPort(entry: unknown): number | undefined {
  const text = isRecord(entry) ? String(entry['target']) : String(entry);
  const match = /(?:^|:)(\d+)(?:-\d+)?(?:\/tcp)?$/.exec(text);
  return match ? Number(match[1]) : undefined;
}
