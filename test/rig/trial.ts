import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorJson } from '../../src/report/json.ts';

export const bin = fileURLToPath(new URL('../../bin/camp.js', import.meta.url));

export interface TrialOptions {
  readonly cwd: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Words before the command: `setpriv --reuid=65534`. */
  readonly wrap?: readonly string[];
  /** Default `node bin/camp.js`. */
  readonly command?: readonly string[];
  /** How long it may take before it is killed and counts as hanging; default 30 s. */
  readonly timeoutMs?: number;
  readonly input?: string;
}

export interface Trial {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** The most memory that the process was seen to have, in MB. */
  readonly peakMb: number;
  readonly isHanging: boolean;
}

/** Runs one camp command to its end, whatever that is. */
export async function trial(args: readonly string[], options: TrialOptions): Promise<Trial> {
  const words = [...wrapOf(options), ...(options.command ?? [process.execPath, bin]), ...args];
  const began = performance.now();
  const child = spawn(words[0] ?? '', words.slice(1), {
    cwd: options.cwd,
    env: options.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let [stdout, stderr, peakMb, isHanging] = ['', '', 0, false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const look = setInterval(() => (peakMb = Math.max(peakMb, peakOf(child.pid ?? 0))), 25);
  const late = setTimeout(() => ((isHanging = true), child.kill('SIGKILL')), options.timeoutMs ?? 30_000);
  const code = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    // who was left behind may hold the pipes: the exit counts
    child.once('exit', (status, signal) =>
      setTimeout(() => resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)), 1000),
    );
    child.once('close', (status, signal) => resolve(status ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
  clearInterval(look);
  clearTimeout(late);
  return { code, stdout, stderr, ms: performance.now() - began, peakMb, isHanging };
}

/** The wrapping program is the machine's own, whatever PATH the command is given. */
function wrapOf({ wrap = [] }: TrialOptions): readonly string[] {
  const [program, ...rest] = wrap;
  if (program === undefined) return [];
  const found = (process.env['PATH'] ?? '').split(delimiter).find((folder) => existsSync(join(folder, program)));
  return [join(found ?? '', program), ...rest];
}

/** The high-water mark of a process's memory. proc(5): VmHWM, in kB. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** The failures that a command with `--json` wrote: one object on one line of stdout, or the test fails. */
export function errorsOf({ stdout, stderr }: Trial): ErrorJson['errors'] {
  const lines = stdout.trimEnd().split('\n');
  if (lines.length !== 1) throw new Error(`not one line of JSON on stdout: ${stdout}\n${stderr}`);
  return (JSON.parse(lines[0] ?? '') as ErrorJson).errors ?? [];
}

/** A stack trace, or the words in which camp calls something its own bug. */
export function hasStack({ stdout, stderr }: Trial): boolean {
  return /\n\s+at .+:\d+:\d+|bug in camp|"BUG"|node:internal|UnhandledPromise/.test(`\n${stdout}\n${stderr}`);
}

/** `\x{9}` in a case is the character itself, so that odd ones can be seen. */
export function unescapeControls(text: string): string {
  return text.replace(/\\x\{([0-9a-f]+)\}/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}

export interface Case {
  readonly files: ReadonlyMap<string, string>;
  readonly argv: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly expected: string;
}

/**
 * A case is a text file: files (`=== name`; `fallback` where there is no such line; `=== argv` and `=== env` are the
 * command line and the caller's environment), a line of dashes, then what is expected.
 */
export function parseCase(text: string, fallback: string): Case {
  // -1 for a case that begins with its dashes: no input at all
  const cut = text.lastIndexOf('\n----------\n');
  const input = text.slice(0, cut + 1);
  const parts = /^=== /.test(input) ? input.split(/^=== (.+)\n/m).slice(1) : [fallback, input];
  const files = new Map<string, string>();
  for (let i = 0; i < parts.length; i += 2) files.set(parts[i] ?? '', unescapeControls(parts[i + 1] ?? ''));
  const env = Object.fromEntries(
    (files.get('env') ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.replace(/=.*$/s, ''), line.replace(/^[^=]*=/, '')]),
  );
  const words = parts[parts.indexOf('argv') + 1];
  const argv = files.has('argv')
    ? (words ?? '')
        .trimEnd()
        .split(' ')
        .map((word) => (word === "''" ? '' : unescapeControls(word)))
    : undefined;
  files.delete('env');
  files.delete('argv');
  return { files, argv, env, expected: text.slice(cut + '\n----------\n'.length) };
}

export function writeFiles(dir: string, files: ReadonlyMap<string, string> | Readonly<Record<string, string>>): void {
  mkdirSync(dir, { recursive: true });
  for (const [name, text] of files instanceof Map ? files : Object.entries(files as Record<string, string>)) {
    if (name.endsWith('/')) mkdirSync(join(dir, name), { recursive: true });
    else {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text, { mode: name.startsWith('bin/') ? 0o755 : 0o644 });
    }
  }
}
