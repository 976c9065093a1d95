import type { Emit } from '../../kit/events.ts';
import { CampError, type Failure, failure } from '../../kit/failure.ts';
import type { CommandResult } from '../../kit/spawn.ts';
import type { ComposeCli } from './compose.ts';
import { engineFailure, wordsOf } from './compose-failures.ts';

const tailLength = 20;

/** Builds images with Compose; each line is output of the service that it is about. */
export async function buildImages(
  cli: ComposeCli,
  services: readonly string[],
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const subjects = new StepSubjects(services);
  await cli.build(services, {
    signal,
    onLine: (line) => {
      if (line.trim() === '') return;
      const service = subjects.of(line);
      emit({ type: 'output', replica: `${service}:build`, service, stream: 'stderr', line });
    },
    failures: (result) => new CampError(buildFailure(services, result)),
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
export function buildFailure(services: readonly string[], result: Pick<CommandResult, 'stdout' | 'stderr'>): Failure {
  const words = wordsOf(result);
  const known = engineFailure(words);
  if (known) return known;
  const reason =
    words.findLast((line) => line.includes('failed to solve'))?.replace(/^.*failed to solve: /, '') ??
    words.at(-1) ??
    '';
  const service = serviceOf(words, services);
  const place = words.findLast((line) => /^\S+:\d+$/.test(line));
  const at = place ? ` (${place})` : '';
  const evidence = evidenceOf(words);
  if (/dockerfile parse error|failed to read dockerfile|failed to parse stage name|unknown flag/i.test(reason))
    return failure(
      'project',
      'DOCKERFILE_INVALID',
      `the Dockerfile of service "${service}" cannot be used${at}: ${reason}`,
      {
        hints: [`docker compose build ${service}`],
        evidence,
      },
    );
  const missing = /^(\S+): failed to resolve source metadata|pull access denied|failed to authorize/i.exec(reason);
  if (missing)
    return failure(
      'machine',
      'IMAGE_MISSING',
      `the image that service "${service}" is built from is neither here nor to be had${at}: ${missing[1] ?? reason}`,
      { hints: [`docker pull ${missing[1] ?? 'IMAGE'}`], evidence },
    );
  return failure('service', 'BUILD_FAILED', `the image of service "${service}" could not be built${at}: ${reason}`, {
    hints: [`docker compose build ${service}`],
    evidence,
  });
}

function serviceOf(words: readonly string[], services: readonly string[]): string {
  const target = words.map((line) => /^target (\S+): failed to solve/.exec(line)?.[1]).findLast(Boolean);
  const named = words.map((line) => /^ > \[(\S+) /.exec(line)?.[1]).findLast(Boolean);
  return [target, named].find((name) => name !== undefined && services.includes(name)) ?? services[0] ?? '';
}

/** From the step that failed on: what it printed, and its place in the Dockerfile. */
function evidenceOf(words: readonly string[]): readonly string[] {
  const failed = words.findIndex((line) => /^#\d+ ERROR/.test(line));
  const from = failed === -1 ? 0 : Math.max(0, failed - tailLength + 1);
  const log = failed === -1 ? words : words.slice(from, failed + 1);
  const place = words.filter((line) => /^\s*\d+ \| >>> /.test(line));
  return [...log.slice(-tailLength), ...place];
}
