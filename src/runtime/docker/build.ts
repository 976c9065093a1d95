import type { Emit } from '../../kit/events.ts';
import { CampError, type Failure, failure, type Source } from '../../kit/failure.ts';
import { readText } from '../../kit/files.ts';
import type { CommandResult } from '../../kit/spawn.ts';
import type { ComposeCli } from './compose.ts';
import { engineFailure, wordsOf } from './compose-failures.ts';

const tailLength = 20;

/** Where it is written what a service is built from, to show the place of a failure. */
export interface BuildPlaces {
  /** Undefined where it is no file of this machine. */
  readonly dockerfile?: { readonly path: string; readonly shown: string } | undefined;
  /** The service in the compose file. */
  readonly entry?: Source | undefined;
}

export type BuildPlacesOf = (service: string) => BuildPlaces;

/**
 * Builds images with Compose; each line is output of the service that it is about. A build with Bake that failed without a
 * reason is made again, once: Compose can lose its last words (docker/compose pull request 13275).
 */
export async function buildImages(
  cli: Pick<ComposeCli, 'build'>,
  services: readonly string[],
  more: string | undefined,
  placesOf: BuildPlacesOf,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const subjects = new StepSubjects(services);
  let isReasonLost = false;
  const build = () =>
    cli.build(services, more, {
      signal,
      onLine: (line) => {
        if (line.trim() === '') return;
        const service = subjects.of(line);
        emit({ type: 'output', replica: `${service}:build`, service, stream: 'stderr', line });
      },
      failures: (result) => {
        const words = wordsOf(result);
        // other builders have words of their own
        isReasonLost = words.some((line) => line.includes('bake')) && !reasonOf(words) && !engineFailure(words);
        return new CampError(buildFailure(services, result, placesOf));
      },
    });
  await build().catch((error) => {
    if (!isReasonLost || signal.aborted) throw error;
    return build();
  });
}

/** BuildKit names the service in the first line of a step only: `#8 [api 2/3] RUN npm ci`, then `#8 0.162 added`. */
class StepSubjects {
  readonly #services: readonly string[];
  readonly #steps = new Map<string, string>();

  constructor(services: readonly string[]) {
    this.#services = services;
  }

  of(line: string): string {
    const [first = ''] = this.#services;
    const [, step, named] = /^#(\d+) (?:\[(\S+) )?/.exec(line) ?? [];
    if (step === undefined) return first;
    if (named !== undefined && this.#services.includes(named)) this.#steps.set(step, named);
    return this.#steps.get(step) ?? first;
  }
}

/** Exported for its test: Compose's words are the input. */
export function buildFailure(
  services: readonly string[],
  result: Pick<CommandResult, 'stdout' | 'stderr'>,
  placesOf: BuildPlacesOf = () => ({}),
): Failure {
  const words = wordsOf(result);
  const known = engineFailure(words);
  if (known) return known;
  const reason = reasonOf(words) ?? words.at(-1) ?? '';
  const service = serviceOf(words, services);
  const { dockerfile, entry } = placesOf(service);
  const source = placeOf(words, dockerfile);
  const place = words.findLast((line) => /^\S+:\d+$/.test(line));
  const at = place && !source ? ` (${place})` : '';
  const evidence = evidenceOf(words, source !== undefined);
  const hints = [`docker compose build ${service}`];
  const where = source ? { source } : {};
  if (/dockerfile parse error|failed to read dockerfile|failed to parse stage name|unknown flag/i.test(reason)) {
    const cause = reason.replace(/^dockerfile parse error on line \d+: /, '');
    const message = `the Dockerfile of service "${service}" cannot be used${at}: ${cause}`;
    return failure('project', 'DOCKERFILE_INVALID', message, { hints, evidence, ...where });
  }
  const stage = /^target stage "(.+)" could not be found$/.exec(reason)?.[1];
  if (stage !== undefined)
    return failure('project', 'DOCKERFILE_INVALID', `the Dockerfile of service "${service}" has no stage "${stage}"`, {
      hints: [`FROM ... AS ${stage}, or another target of ${service} in compose.yaml`],
      ...(entry ? { source: entry } : {}),
    });
  const missing = /^(\S+): failed to resolve source metadata|pull access denied|failed to authorize/i.exec(reason);
  if (missing) {
    const image = missing[1] ?? 'IMAGE';
    const message = `the image that service "${service}" is built from is neither here nor to be had${at}: ${missing[1] ?? reason}`;
    return failure('machine', 'IMAGE_MISSING', message, { hints: [`docker pull ${image}`], evidence, ...where });
  }
  const message = `the image of service "${service}" could not be built${at}: ${causeOf(reason)}`;
  return failure('service', 'BUILD_FAILED', message, { hints, evidence, ...where });
}

/** BuildKit's own. */
function reasonOf(words: readonly string[]): string | undefined {
  return words.findLast((line) => line.includes('failed to solve'))?.replace(/^.*failed to solve: /, '');
}

/** BuildKit's reason in the words of whoever wrote the Dockerfile. */
function causeOf(reason: string): string {
  const absent = /failed to calculate checksum of ref \S+ "(.+)": not found$/.exec(reason)?.[1];
  if (absent !== undefined) return `${absent} is not in the build context`;
  const code = /^process ".*" did not complete successfully: exit code: (\d+)$/s.exec(reason)?.[1];
  return code === undefined ? reason : `its command ended with code ${code}`;
}

/** The line that BuildKit marks, if it is one of this file. */
function placeOf(words: readonly string[], dockerfile: BuildPlaces['dockerfile']): Source | undefined {
  const [, number = '', marked = ''] = words.map((line) => /^\s*(\d+) \| >>> (.*)$/.exec(line)).find(Boolean) ?? [];
  const text = dockerfile && readText(dockerfile.path)?.split(/\r?\n/)[Number(number) - 1];
  if (!dockerfile || text === undefined || text.trimEnd() !== marked.trimEnd()) return undefined;
  const col = text.search(/\S|$/) + 1;
  return { file: dockerfile.shown, line: Number(number), col, length: text.trim().length, text };
}

function serviceOf(words: readonly string[], services: readonly string[]): string {
  const target = words.map((line) => /^target (\S+): failed to solve/.exec(line)?.[1]).findLast(Boolean);
  const named = words.map((line) => /^ > \[(\S+) /.exec(line)?.[1]).findLast(Boolean);
  return [target, named].find((name) => name !== undefined && services.includes(name)) ?? services[0] ?? '';
}

/**
 * What the step that failed has printed, else all that was said, without BuildKit's own housekeeping; its place in the
 * Dockerfile, unless that is shown already.
 */
function evidenceOf(words: readonly string[], isPlaced: boolean): readonly string[] {
  const failed = words.find((line) => /^#\d+ ERROR/.test(line));
  const step = failed?.slice(0, failed.indexOf(' ') + 1);
  const log = words.filter((line) => (step === undefined ? !isHousekeeping(line) : line.startsWith(step)));
  if (isPlaced) return log.filter((line) => !/^\s*\d+ \| /.test(line)).slice(-tailLength);
  const place = words.filter((line) => /^\s*\d+ \| >>> /.test(line));
  return [...log.slice(-tailLength), ...place.filter((line) => !log.includes(line))];
}

/** `#2 [internal] load build definition from Dockerfile`, what belongs to it, and the frame around a place. */
function isHousekeeping(line: string): boolean {
  return /^#\d+ (\[internal\]|reading from stdin|transferring |DONE|CACHED)|^-+$|^\S+:\d+$/.test(line);
}
