import { fail } from '../../../kit/failure.ts';
import { readText } from '../../../kit/files.ts';
import { runCommand } from '../../../kit/spawn.ts';

/** How a program that refuses to run as root is run by root: words before its command, and who owns its files. */
export interface NotRoot {
  readonly prefix: readonly string[];
  /** Absent where files stay root's own. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

let known: Promise<NotRoot> | undefined;

/**
 * For everybody but root nothing has to be done. Root gets a user namespace, in which it is called by another id and
 * goes on owning its files; where that is refused, the id of a user that has few rights. Throws ROOT_REFUSED (machine).
 */
export function notRoot(title: string, isRoot = process.getuid?.() === 0): Promise<NotRoot> {
  if (!isRoot) return Promise.resolve({ prefix: [] });
  known ??= find(title);
  known.catch(() => {
    known = undefined;
  });
  return known;
}

async function find(title: string): Promise<NotRoot> {
  const { uid, gid } = humbleUser();
  const inNamespace = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`];
  if (await works(inNamespace)) return { prefix: inNamespace };
  // the project's folders need not let that user through
  const through = '--inh-caps=+dac_override --ambient-caps=+dac_override'.split(' ');
  const asUser = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...through];
  if (await works(asUser)) return { prefix: asUser, owner: { uid, gid } };
  fail('machine', 'ROOT_REFUSED', `${title} does not run as root, and root may not run it as anybody else here`, {
    hints: ['run camp as a user of your own', 'camp up --docker'],
    evidence: [`${inNamespace.join(' ')}: refused`, `${asUser.slice(0, 4).join(' ')}: refused`],
  });
}

async function works(prefix: readonly string[]): Promise<boolean> {
  const { exitCode } = await runCommand([...prefix, 'true'], { timeoutMs: 10_000 });
  return exitCode === 0;
}

/** A user that is in the system's list: initdb looks for its name. */
function humbleUser(): { readonly uid: number; readonly gid: number } {
  const users = (readText('/etc/passwd') ?? '').split('\n').map((line) => line.split(':'));
  const found =
    users.find(([name]) => name === 'postgres') ??
    users.find(([name]) => name === 'nobody') ??
    users.find(([, , uid]) => Number(uid) > 0);
  return { uid: Number(found?.[2] ?? 65_534), gid: Number(found?.[3] ?? 65_534) };
}
