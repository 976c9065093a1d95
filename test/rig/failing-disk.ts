import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** Every synchronous call by which a program changes what is on the disk. */
const changing = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'renameSync',
  'rmSync',
  'rmdirSync',
  'mkdirSync',
  'linkSync',
  'copyFileSync',
  'chmodSync',
  'chownSync',
  'writeFileSync',
] as const;

export class Killed extends Error {}

/**
 * Runs `work` on a disk that fails at the k-th changing call, counted from 1. As `killed` every later call
 * fails too, so that no clean-up happens: what is left is what SIGKILL there would leave. As `full` only
 * that call fails, with ENOSPC. Tells how many calls there were.
 */
export async function onFailingDisk(
  k: number,
  how: 'killed' | 'full',
  work: () => unknown,
): Promise<{ readonly calls: number; readonly error?: unknown }> {
  const originals = Object.fromEntries(changing.map((name) => [name, fs[name]]));
  let calls = 0;
  for (const name of changing) {
    const original = fs[name] as (...args: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...args: unknown[]) => {
        calls++;
        if (how === 'killed' && calls >= k) throw new Killed(`call ${calls}: ${name}`);
        if (how === 'full' && calls === k && name !== 'rmSync' && name !== 'rmdirSync')
          throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
        return original(...args);
      },
    });
  }
  syncBuiltinESMExports();
  try {
    await work();
    return { calls };
  } catch (error) {
    return { calls, error };
  } finally {
    Object.assign(fs, originals);
    syncBuiltinESMExports();
  }
}

/** Every file of a folder with its text and mode, without those below the names in `except`. */
export function treeOf(dir: string, except: readonly string[] = []): Readonly<Record<string, string>> {
  const tree: Record<string, string> = {};
  const visit = (below: string): void => {
    for (const entry of fs
      .readdirSync(`${dir}/${below}`, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = below + entry.name;
      if (except.includes(path)) continue;
      if (entry.isDirectory()) {
        tree[`${path}/`] = '';
        visit(`${path}/`);
      } else if (entry.isSymbolicLink()) tree[path] = `-> ${fs.readlinkSync(`${dir}/${path}`)}`;
      else
        tree[path] =
          `${(fs.statSync(`${dir}/${path}`).mode & 0o777).toString(8)} ${fs.readFileSync(`${dir}/${path}`, 'utf8')}`;
    }
  };
  visit('');
  return tree;
}
