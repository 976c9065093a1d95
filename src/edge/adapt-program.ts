import { fail } from '../kit/failure.ts';
import { runCommand } from '../kit/spawn.ts';
import type { Adapted, Ask } from './adapt.ts';
import { isObject, type Json } from './json.ts';

/** What a Caddyfile is read with. */
export interface ProgramSetup {
  /** The Caddy program. */
  readonly caddy: string;
  readonly projectDir: string;
  /** What Caddy sees, for `{$NAME}`. */
  readonly env: Readonly<Record<string, string>>;
}

const timeoutMs = 10_000;

/**
 * Asks a Caddy that is started for the question: `caddy adapt` reads the text from its input and serves nothing.
 * Rejects with EDGE_UNREACHABLE (edge) where it cannot be executed.
 */
export function askingProgram(setup: ProgramSetup, signal: AbortSignal): Ask<Adapted> {
  return async (text) => {
    const options = { cwd: setup.projectDir, env: setup.env, timeoutMs, signal, input: text };
    const argv = [setup.caddy, 'adapt', '--adapter', 'caddyfile', '--config', '-'];
    const { exitCode, stdout, stderr, errno } = await runCommand(argv, options);
    signal.throwIfAborted();
    if (exitCode === 0) return { config: configOf(stdout), warnings: warningsOf(stderr) };
    const words = wordsOf(stderr);
    if (words !== undefined && errno === undefined) return words;
    return fail('edge', 'EDGE_UNREACHABLE', `${setup.caddy} cannot read a Caddyfile`, {
      hints: ['camp doctor'],
      evidence: errno === undefined ? stderr.trim().split('\n').slice(-5) : [errno],
    });
  };
}

function configOf(stdout: string): Adapted['config'] {
  const parsed = JSON.parse(stdout) as Json;
  return isObject(parsed) ? parsed : {};
}

/** One JSON object a line; what is about the layout of the text only is left out, as everywhere. */
function warningsOf(stderr: string): string[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((entry) => entry.level === 'warn' && !String(entry.msg).includes('not formatted'))
    .map((entry) =>
      entry.line === undefined ? String(entry.msg) : `Caddyfile:${String(entry.line)}: ${String(entry.msg)}`,
    );
}

/** The error, without the log lines before it; Caddy calls its input `-`. Undefined where Caddy did not say any. */
function wordsOf(stderr: string): string | undefined {
  const words = /^Error: ([^]+)/m.exec(stderr)?.[1]?.trim();
  return words?.replace(/(^|[\s(])-:(?=\d+)/g, '$1Caddyfile:');
}
