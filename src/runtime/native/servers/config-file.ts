import { join } from 'node:path';
import { makeFolder, writeWhole } from '../../../kit/files.ts';
import type { Site } from './types.ts';

/**
 * Writes a server's configuration, 0600: what must not stand in argv, a password, is in it. It lies with the run, outside
 * of the data, and is written anew at each start.
 */
export function writeConfig(site: Site, ending: string, lines: readonly string[]): string {
  makeFolder(site.run, 0o700);
  const path = join(site.run, `${site.service.name}.${ending}`);
  writeWhole(path, `${lines.join('\n')}\n`, { mode: 0o600, durable: false });
  return path;
}

/** A flag of `command:` that means nothing, or something else, without a container. */
export function sayLeftOut(site: Site, words: string): void {
  site.say(`${site.service.name}: ${words} of its command is left out without a container`);
}
