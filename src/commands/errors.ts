import type { Command } from '@oclif/core';
import { version } from '../camp/version.ts';
import { CampError, type Failure, failure } from '../kit/failure.ts';
import { nearest } from '../kit/nearest.ts';
import { renderFailures } from '../report/card.ts';
import { errorJson, writeJson } from '../report/json.ts';
import { detectStyle } from '../report/style.ts';
import { Cancelled } from '../report/tty.ts';
import { terminalOf } from './terminal.ts';

export interface ErrorOptions {
  readonly isJson: boolean;
  readonly color?: boolean;
}

/** Shows what was thrown, as cards on stderr or as JSON on stdout, and returns the exit code. */
export function reportError(error: unknown, options: ErrorOptions, command?: Command.Class): number {
  const exit = exitRequest(error);
  if (exit !== undefined) return exit;
  const found = new CampError(failuresOfThrown(error, command));
  if (options.isJson) writeJson(errorJson(found.failures));
  else {
    const out = terminalOf('stderr');
    out.write(`${renderFailures(found.failures, detectStyle(out, process.env, options))}\n`);
  }
  return found.exitCode;
}

/** `this.exit(n)` is no failure, and neither is a question that was not answered. */
function exitRequest(error: unknown): number | undefined {
  if (error instanceof Cancelled) return 130;
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIT') return undefined;
  return (error as { readonly oclif?: { readonly exit?: number } }).oclif?.exit ?? 0;
}

function failuresOfThrown(error: unknown, command: Command.Class | undefined): readonly Failure[] {
  if (error instanceof CampError) return error.failures.map((one) => (one.fault === 'bug' ? withStack(one) : one));
  if (error instanceof Error && 'oclif' in error) return [usageFailure(error, command)];
  const message = error instanceof Error ? error.message : String(error);
  return [withStack(failure('bug', 'BUG', message || 'something without a message was thrown', { cause: error }))];
}

/** What the parser of the command line found; its words are several lines, with colours and a pointer to the help. */
function usageFailure(error: Error, command: Command.Class | undefined): Failure {
  const help = `camp ${command ? `${command.id.replaceAll(':', ' ')} ` : ''}--help`;
  const flags = 'flags' in error && Array.isArray(error.flags) ? (error.flags as readonly string[]) : undefined;
  if (flags) return unknownFlag(flags[0] ?? '', command, help);
  const words = error.message
    .replace(/\x1b\[[\d;]*m/g, '')
    .split('\n')
    .map((line) => line.trim());
  const message = plain(
    words
      .filter((line) => line !== '' && !/^(?:See more help|The following error|Note: |Alternatively, )/.test(line))
      .join('; '),
  );
  return failure('usage', 'INVALID_ARGUMENTS', message.charAt(0).toLowerCase() + message.slice(1), { hints: [help] });
}

/** The parser's words, without its punctuation: `missing 1 required arg:; service  which one`. */
function plain(words: string): string {
  return words
    .replace(/^Missing \d+ required args?:;? */, 'missing: ')
    .replace(/^Parsing (--\S+);\s*/, '$1: ')
    .replaceAll(/(--\S+)=true\b/g, '$1')
    .replaceAll(/ {2,}/g, ' – ')
    .replace(/: Expected/, ': expected');
}

function unknownFlag(flag: string, command: Command.Class | undefined, help: string): Failure {
  const known = { ...command?.baseFlags, ...command?.flags };
  const names = Object.entries(known).flatMap(([name, one]) => [
    `--${name}`,
    ...(one.type === 'boolean' && one.allowNo ? [`--no-${name}`] : []),
  ]);
  const meant = nearest(flag.replace(/=.*/, ''), names);
  return failure('usage', 'UNKNOWN_FLAG', `there is no flag ${flag}`, {
    hints: [meant ? `did you mean ${meant}?` : command?.id === 'run' ? 'camp run SERVICE -- COMMAND' : help],
  });
}

/** A bug is ours: its stack and the versions are what we need to find it. */
function withStack(bug: Failure): Failure {
  const stack =
    bug.cause instanceof Error
      ? (bug.cause.stack ?? '')
          .split('\n')
          .slice(1, 9)
          .map((line) => line.trim())
      : [];
  return {
    ...bug,
    message: `this is a bug in camp: ${bug.message}`,
    evidence: [
      ...(bug.evidence ?? []),
      ...stack,
      `camp ${version}, node ${process.version}, ${process.platform}-${process.arch}`,
    ],
    hints: [...bug.hints, 'please report these lines together with the command'],
  };
}
