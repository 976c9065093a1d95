import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { userFolders } from '../../src/kit/paths.ts';

/** Gives a CAMP_HOME of a test the servers that camp has fetched for this user: links, so that each is fetched once. */
export function linkServers(campHome: string): void {
  const from = join(userFolders().cache, 'tools');
  if (!existsSync(from)) return;
  const to = join(campHome, 'cache', 'tools');
  mkdirSync(to, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(from))
    if (/^(postgres|redis|nats)-\d/.test(name)) symlinkSync(join(from, name), join(to, name));
}
