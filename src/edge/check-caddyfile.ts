import type { Problem } from '../kit/failure.ts';
import { runCommand } from '../kit/spawn.ts';
import { type Ask, problemsOf, textsOf } from './adapt.ts';
import type { Wanted } from './types.ts';

/** What a Caddyfile is checked with. */
export interface CheckSetup {
  /** The Caddy program. */
  readonly caddy: string;
  readonly projectDir: string;
  /** What Caddy sees, for `{$NAME}`. */
  readonly env: Readonly<Record<string, string>>;
}

const timeoutMs = 10_000;

/**
 * Every problem that Caddy finds in a Caddyfile, without an edge: `caddy adapt` reads the text from its input and
 * starts nothing. A Caddy that cannot be executed finds none; starting it says why.
 */
export async function checkCaddyfile(
  caddyfile: Wanted['caddyfile'],
  setup: CheckSetup,
  signal: AbortSignal,
): Promise<readonly Problem[]> {
  const ask: Ask<undefined> = async (text) => {
    const options = { cwd: setup.projectDir, env: setup.env, timeoutMs, signal, input: text };
    const { exitCode, stderr, errno } = await runCommand(
      [setup.caddy, 'adapt', '--adapter', 'caddyfile', '--config', '-'],
      options,
    );
    return exitCode === 0 || errno !== undefined ? undefined : wordsOf(stderr);
  };
  const words = await ask(caddyfile.text);
  return words === undefined ? [] : problemsOf(words, ask, textsOf(caddyfile, setup.projectDir), setup.env);
}

/** The error, without the log lines before it; Caddy calls its input `-`. Undefined where Caddy did not say any. */
function wordsOf(stderr: string): string | undefined {
  const words = /^Error: ([^]+)/m.exec(stderr)?.[1]?.trim();
  return words?.replace(/(^|[\s(])-:(?=\d+)/g, '$1Caddyfile:');
}
