import { relative, resolve } from 'node:path';
import { CampError, failure, type Problem } from '../kit/failure.ts';
import { readText } from '../kit/files.ts';
import { type Admin, errorOf, jsonOf } from './admin.ts';
import { caddyfileProblem, type Texts } from './caddyfile-problem.ts';
import { isObject, type JsonObject, objectsOf } from './json.ts';
import { maskLine } from './mask.ts';
import type { Wanted } from './types.ts';

export interface Adapted {
  readonly config: JsonObject;
  /** Caddy's warnings in words, with the line. */
  readonly warnings: readonly string[];
}

/** Caddy stops at the first problem: each further one costs a round trip, so there is an end to it. */
const maxProblems = 10;
const timeoutMs = 5000;

/** Lets Caddy read a text: what came of it, or the words in which Caddy refused it. */
export type Ask<T> = (text: string) => Promise<T | string>;

/**
 * Lets Caddy read the Caddyfile. Throws CADDYFILE_INVALID (project) with every problem that can be told
 * apart, at line and column; `env` is what Caddy sees.
 */
export async function adapt(
  ask: Ask<Adapted>,
  caddyfile: Wanted['caddyfile'],
  projectDir: string,
  env: Readonly<Record<string, string>>,
): Promise<Adapted> {
  const first = await ask(caddyfile.text);
  if (typeof first !== 'string') return first;
  throw new CampError(await problemsOf(first, ask, textsOf(caddyfile, projectDir), env));
}

/** Asks the Caddy that runs. */
export function askingAdmin(admin: Admin, signal: AbortSignal): Ask<Adapted> {
  return (text) => askAdmin(admin, text, signal);
}

async function askAdmin(admin: Admin, text: string, signal: AbortSignal): Promise<Adapted | string> {
  const answer = await admin.ask('POST', '/adapt', { body: text, contentType: 'text/caddyfile', timeoutMs, signal });
  if (answer.status !== 200) return errorOf(answer);
  const parsed = jsonOf(answer);
  const config = isObject(parsed) ? parsed.result : undefined;
  const warnings = isObject(parsed) ? objectsOf(parsed.warnings) : [];
  return {
    config: isObject(config) ? config : {},
    warnings: warnings
      .map((each) => `${String(each.file)}:${String(each.line)}: ${String(each.message)}`)
      .filter((each) => !each.includes('not formatted')),
  };
}

/** Every problem of a Caddyfile that can be told apart, in the order of the text; `words` is the first. */
export async function problemsOf<T>(
  words: string,
  ask: Ask<T>,
  texts: Texts,
  env: Readonly<Record<string, string>>,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  let text = texts.main.text;
  const masked: string[] = [];
  let next: T | string = words;
  while (typeof next === 'string') {
    const { isStructural, ...problem } = caddyfileProblem(next, { ...texts, main: { ...texts.main, text } });
    // A matcher that is missing because its definition was blanked out is no problem of its own.
    if (!masked.some((line) => line.startsWith('@') && problem.message.includes(line.split(/\s/)[0] ?? '')))
      problems.push(problem);
    const line = problem.source?.file === texts.main.file ? problem.source.line : undefined;
    const rest =
      isStructural || line === undefined || problems.length >= maxProblems ? undefined : maskLine(text, line);
    if (rest === undefined || line === undefined) break;
    masked.push((text.split('\n')[line - 1] ?? '').trim());
    text = rest;
    next = await ask(text);
  }
  return withUnset(problems.sort(byLine), texts.main.text, env);
}

function byLine(a: Problem, b: Problem): number {
  return (a.source?.line ?? 0) - (b.source?.line ?? 0);
}

/** A placeholder without a value leaves nothing in its place, which Caddy then complains of in other words. */
function withUnset(problems: readonly Problem[], text: string, env: Readonly<Record<string, string>>): Problem[] {
  const unset = [...text.matchAll(/\{\$([A-Za-z_]\w*)\}/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => env[name] === undefined);
  const hints = [...new Set(unset)].map(
    (name) => `{$${name}} is not set and stands for nothing: set it in .env, or write {$${name}:default}`,
  );
  return problems.map((problem, i) => (i === 0 ? { ...problem, hints: [...problem.hints, ...hints] } : problem));
}

export function textsOf(caddyfile: Wanted['caddyfile'], projectDir: string): Texts {
  return {
    main: { file: relative(projectDir, resolve(projectDir, caddyfile.path ?? 'Caddyfile')), text: caddyfile.text },
    read(path) {
      const text = readText(path);
      return text === undefined ? undefined : { file: relative(projectDir, path), text };
    },
  };
}

/** A refusal at load time that the Caddyfile is to blame for: it names a file that is not there. */
export function refusalProblem(words: string, caddyfile: Wanted['caddyfile'], projectDir: string): Problem | undefined {
  const path = /open (\S+): (no such file or directory|permission denied)/.exec(words);
  if (!path?.[1] || !caddyfile.text.includes(path[1])) return undefined;
  const token = path[1];
  const line = caddyfile.text.split(/\r?\n/).findIndex((each) => each.includes(token));
  const text = caddyfile.text.split(/\r?\n/)[line] ?? '';
  return {
    ...failure('project', 'CADDYFILE_INVALID', `${token} cannot be read: ${path[2]}`, {
      hints: [`ls -l ${token}`],
      source: {
        file: textsOf(caddyfile, projectDir).main.file,
        line: line + 1,
        col: text.indexOf(token) + 1,
        length: token.length,
        text,
      },
      evidence: [`caddy: ${words}`],
    }),
    fault: 'project',
  };
}
