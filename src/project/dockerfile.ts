import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { interpolate } from './compose/interpolate.ts';
import type { Port, Service } from './types.ts';
import { splitWords } from './words.ts';

/** What the image of one stage says about itself, with what it has from the stages below. */
export interface BuiltImage {
  /** The foreign image that it stands on in the end. */
  readonly base?: string;
  /** TCP ports of EXPOSE, in their order. */
  readonly exposed: readonly Port[];
  readonly env: Readonly<Record<string, string>>;
  /** The words of ENTRYPOINT and CMD. */
  readonly command: readonly string[];
  /** The words of HEALTHCHECK. */
  readonly healthTest?: string;
}

interface Stage {
  readonly name: string | undefined;
  base: string | undefined;
  exposed: Port[];
  env: Record<string, string>;
  /** Build arguments that are declared in the stage. */
  args: Record<string, string>;
  entrypoint: readonly string[];
  cmd: readonly string[];
  healthTest: string | undefined;
}

const largest = 100_000;

/** The Dockerfile of a service, read; undefined where it has none that can be read here. */
export function builtImageOf({ build, hints }: Service): BuiltImage | undefined {
  if (!build) return undefined;
  const text = hints?.dockerfile ?? textOf(resolve(build.context, build.dockerfile ?? 'Dockerfile'));
  return text === undefined ? undefined : readDockerfile(text, hints?.buildArgs ?? {}, hints?.buildTarget);
}

function textOf(path: string): string | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size <= largest ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined; // what cannot be read says nothing; building it will say why
  }
}

/** The stage `target`, by name or number, else the last one (docs.docker.com, Dockerfile reference). */
export function readDockerfile(
  text: string,
  buildArgs: Readonly<Record<string, string>>,
  target?: string,
): BuiltImage | undefined {
  const stages: Stage[] = [];
  const globals = Object.create(null) as Record<string, string>;
  for (const { word, rest } of instructions(text)) {
    const stage = stages.at(-1);
    const known = (name: string): string | undefined => stage?.env[name] ?? stage?.args[name];
    if (word === 'FROM')
      stages.push(
        newStage(
          filled(rest, (name) => globals[name]),
          stages,
        ),
      );
    else if (word === 'ARG') {
      for (const [name, value] of pairs(filled(rest, stage ? known : (name) => globals[name]))) {
        const given = buildArgs[name] ?? value ?? globals[name];
        if (given !== undefined) (stage?.args ?? globals)[name] = given;
      }
    } else if (stage) follow(stage, word, word === 'CMD' || word === 'ENTRYPOINT' ? rest : filled(rest, known));
  }
  const found = stages.find(({ name }, i) => target !== undefined && (name === target || String(i) === target));
  const stage = found ?? stages.at(-1);
  if (!stage) return undefined;
  return {
    ...(stage.base === undefined ? {} : { base: stage.base }),
    exposed: [...new Set(stage.exposed)],
    env: stage.env,
    command: [...stage.entrypoint, ...stage.cmd],
    ...(stage.healthTest === undefined ? {} : { healthTest: stage.healthTest }),
  };
}

function newStage(rest: string, stages: readonly Stage[]): Stage {
  const words = rest.split(/\s+/).filter((word) => word !== '' && !word.startsWith('--'));
  const [from = ''] = words;
  const below = stages.find((each) => each.name === from.toLowerCase());
  return {
    name: words[1]?.toUpperCase() === 'AS' ? words[2]?.toLowerCase() : undefined,
    base: below ? below.base : from || undefined,
    exposed: [...(below?.exposed ?? [])],
    env: Object.assign(Object.create(null), below?.env),
    args: Object.create(null) as Record<string, string>,
    entrypoint: below?.entrypoint ?? [],
    cmd: below?.cmd ?? [],
    healthTest: below?.healthTest,
  };
}

function follow(stage: Stage, word: string, rest: string): void {
  switch (word) {
    case 'EXPOSE':
      stage.exposed.push(...exposedPorts(rest));
      return;
    case 'ENV':
      for (const [name, value] of pairs(rest)) stage.env[name] = value ?? '';
      return;
    case 'CMD':
      stage.cmd = commandWords(rest);
      return;
    case 'ENTRYPOINT':
      // a new entrypoint makes the image below's command none of its own
      stage.cmd = [];
      stage.entrypoint = commandWords(rest);
      return;
    case 'HEALTHCHECK':
      stage.healthTest = /^\s*NONE\b/i.test(rest)
        ? undefined
        : commandWords(rest.replace(/^.*?\bCMD\s+/s, '')).join(' ');
      return;
    default:
  }
}

function exposedPorts(rest: string): readonly Port[] {
  return rest.split(/\s+/).flatMap((each) => {
    const found = /^(\d{1,5})(?:-\d{1,5})?(?:\/tcp)?$/i.exec(each);
    const port = Number(found?.[1]);
    return port > 0 && port <= 65535 ? [port] : [];
  });
}

/** `A=1 B="two words"`, `A` alone, and ENV's old form `A 1`. */
function* pairs(rest: string): Generator<readonly [string, string | undefined]> {
  const words = splitWords(rest) ?? rest.split(/\s+/);
  if (words.length > 1 && !words[0]?.includes('=') && !words[1]?.includes('=')) {
    yield [words[0] ?? '', words.slice(1).join(' ')];
    return;
  }
  for (const word of words) {
    const equals = word.indexOf('=');
    yield equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
  }
}

function commandWords(rest: string): readonly string[] {
  if (rest.trimStart().startsWith('['))
    try {
      const words: unknown = JSON.parse(rest);
      if (Array.isArray(words)) return words.map(String);
    } catch {
      // not the list form: a shell gets the line as it is
    }
  return splitWords(rest) ?? rest.split(/\s+/);
}

function filled(text: string, lookup: (name: string) => string | undefined): string {
  return interpolate(text, lookup, () => undefined);
}

/** Instructions with their lines put together; comments and the bodies of here-documents are left out. */
function* instructions(text: string): Generator<{ readonly word: string; readonly rest: string }> {
  const joiner = /^\s*#\s*escape\s*=\s*(`|\\)/im.exec(text.split('\n', 3).join('\n'))?.[1] ?? '\\';
  let whole = '';
  let ends: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (ends.length > 0) {
      if (line.trim() === ends[0]) ends = ends.slice(1);
      continue;
    }
    if (/^\s*(?:#|$)/.test(line)) continue;
    const trimmed = line.trimEnd();
    if (trimmed.endsWith(joiner)) {
      whole += `${trimmed.slice(0, -1)} `;
      continue;
    }
    whole += trimmed;
    const found = /^\s*([a-z]+)\s+(.*)$/is.exec(whole);
    if (found) yield { word: (found[1] ?? '').toUpperCase(), rest: found[2] ?? '' };
    if (/^\s*(?:RUN|COPY|ADD)\b/i.test(whole))
      ends = [...whole.matchAll(/<<-?\s*(['"]?)([A-Za-z_]\w*)\1/g)].map((each) => each[2] ?? '');
    whole = '';
  }
}
