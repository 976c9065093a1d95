import { join } from 'node:path';
import { CampError, failure, type Problem } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';
import { addComposeEntry } from '../project/edit/compose.ts';
import { readDocument, servicesIn } from '../project/edit/compose-document.ts';
import { addComposeVolume } from '../project/edit/compose-wiring.ts';
import { type BackingKind, backingKindOf, backings, defaultName, passwordVariable } from './backing.ts';
import type { TextFile } from './project-files.ts';
import { missingSecrets, secretChanges } from './secrets.ts';
import type { Change } from './types.ts';
import { type BackingUse, useOf } from './wire-backing.ts';

/** A backing service that a new service brings along. */
export interface NewBacking {
  readonly kind: BackingKind;
  readonly name: string;
}

/** What a new service needs, told apart. */
export interface ServiceNeeds {
  /** All, in the order of the words. */
  readonly needs: readonly string[];
  /** Those that are services with an API. */
  readonly services: readonly string[];
  /** Those that are databases and brokers. */
  readonly uses: readonly BackingUse[];
  /** What has to be added first. */
  readonly missing: readonly NewBacking[];
  /** For the lines of the service in compose.yaml. */
  readonly lines: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly conditions?: Readonly<Record<string, string>>;
  };
}

/**
 * How a new service uses what it needs; of each kind in `required` it gets the one that it names, else the broker that
 * is there, else a new one. DATABASE_SHARED, ADDRESS_UNKNOWN, INVALID_ARGUMENTS where two are given in one variable.
 */
export function backingFor(
  compose: TextFile,
  service: string,
  asked: readonly string[],
  required: readonly BackingKind[],
): ServiceNeeds | { readonly problem: Problem } {
  const services = servicesOf(compose);
  const own = servicesOf(compose)[service];
  const named = required.map((kind) => ({ kind, name: nameOf(kind, service, asked, services) }));
  const missing = named.filter(({ name }) => !Object.hasOwn(services, name));
  const all: Readonly<Record<string, unknown>> = {
    ...services,
    ...Object.fromEntries(missing.map(({ kind, name }) => [name, backings[kind].entry(name, passwordVariable(name))])),
  };
  const needs = [...new Set([...asked, ...named.map(({ name }) => name)])];
  const uses: BackingUse[] = [];
  for (const need of needs) {
    const kind = backingKindOf(all[need]);
    if (!kind) continue;
    const found = useOf({ ...all, [service]: own }, kind, need, [service]);
    if ('problem' in found) return own ? found : { problem: afterAdding(service, asked, need, found.problem) };
    const other = uses.find(({ variable }) => variable === found.use.variable);
    if (other) return { problem: twice(service, other, need) };
    uses.push(found.use);
  }
  return {
    needs,
    uses,
    missing,
    services: needs.filter((need) => !uses.some(({ on }) => on === need)),
    lines:
      uses.length === 0
        ? {}
        : {
            environment: Object.fromEntries(uses.map(({ variable, value }) => [variable, value])),
            conditions: Object.fromEntries(uses.map(({ on, condition }) => [on, condition])),
          },
  };
}

/** What to do about a database of somebody else's, of a service that is not there yet: it has to be added before. */
function afterAdding(service: string, asked: readonly string[], refused: string, problem: Problem): Problem {
  if (problem.code !== 'DATABASE_SHARED') return problem;
  const others = asked.filter((need) => need !== refused);
  const add = [`camp add service ${service}`, ...(others.length > 0 ? ['--needs', others.join(',')] : [])].join(' ');
  return { ...problem, hints: problem.hints.map((hint) => `${add} && ${hint}`) };
}

function nameOf(
  kind: BackingKind,
  service: string,
  asked: readonly string[],
  services: Readonly<Record<string, unknown>>,
): string {
  const same = Object.keys(services).filter((name) => backingKindOf(services[name]) === kind);
  const said = asked.find((need) => same.includes(need));
  const [only] = kind === 'postgres' ? [] : same;
  return said ?? only ?? defaultName(kind, service);
}

function twice(service: string, { on, variable }: BackingUse, need: string): Problem {
  const message = `${on} and ${need} would both be ${service}'s ${variable}`;
  return failure('usage', 'INVALID_ARGUMENTS', message, { hints: ['leave one of them out'] }) as Problem;
}

/** The text of a compose file with new backing services and their volumes. Throws SERVICE_EXISTS and what the edits say. */
export function addNewBacking(compose: TextFile, missing: readonly NewBacking[]): string {
  return missing.reduce((text, { kind, name }) => {
    const entry = backings[kind].entry(name, passwordVariable(name));
    const edits = [
      (before: string) => addComposeEntry(before, name, entry, compose.path),
      (before: string) => addComposeVolume(before, name, compose.path),
    ];
    return edits.reduce((before, apply) => {
      const edit = apply(before);
      if ('problem' in edit) throw new CampError(edit.problem);
      return 'text' in edit ? edit.text : before;
    }, text);
  }, compose.text);
}

/** The passwords of what a service uses, as far as nobody sets them. */
export function secretsFor(
  { dir, env }: { readonly dir: string; readonly env?: NodeJS.ProcessEnv },
  composeText: string,
  uses: readonly { readonly on: string }[],
): readonly Change[] {
  const read = (name: string) => readText(join(dir, name));
  const dotenv = read('.env');
  const names = uses.flatMap(({ on }) => missingSecrets(composeText, dotenv, env, on));
  return secretChanges(names, { dotenv, example: read('.env.example'), ignore: read('.gitignore') });
}

function servicesOf({ text, path }: TextFile): Readonly<Record<string, unknown>> {
  const document = readDocument(text, path);
  if ('problem' in document) throw new CampError(document.problem);
  return servicesIn(document.plain);
}
