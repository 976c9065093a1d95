import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Failure } from '../../kit/failure.ts';
import { makeFolder, readText, writeWhole } from '../../kit/files.ts';

/*
 * A word of whoever makes containers to the commands after it, so that a project without any never makes a command
 * ask an engine: `.camp/containers` says `there`, or `gone` when all have been removed and only volumes may be left.
 */

function fileOf(state: string): string {
  return join(state, 'containers');
}

export function markContainers(state: string, now: 'there' | 'gone'): void {
  const file = fileOf(state);
  if (readText(file)?.trim() === now || (now === 'gone' && !existsSync(file))) return;
  makeFolder(state, 0o700);
  writeWhole(file, `${now}\n`, { mode: 0o600, durable: false });
}

/** What the last camp has said; undefined where none has ever made a container here. */
export function containerMark(state: string): 'there' | 'gone' | undefined {
  const text = readText(fileOf(state))?.trim();
  return text === undefined ? undefined : text === 'gone' ? 'gone' : 'there';
}

/** The engine that has made them cannot be used. Going over to another one, as `failure` may propose, would leave them there. */
export function mayBeLeft(failure: Failure): Failure {
  const hints = failure.hints.filter((hint) => !/^(unset|docker context use) |usual engine/.test(hint));
  const message = `containers of this project may be left: ${failure.message}`;
  return { ...failure, message, hints: [...hints, 'camp down, as soon as it runs again'] };
}
