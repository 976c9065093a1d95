import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { debianUnstable, isDebianKnown, ownSources } from './apt-lists.ts';
import { runApt } from './apt-run.ts';
import { namesIn } from './known.ts';
import type { Fetched, Source } from './source.ts';
import type { FetchContext, ToolName } from './types.ts';
import { isAtLeast } from './version.ts';

/** A program in a package of the distribution. */
export interface AptPackage {
  readonly tool: ToolName;
  readonly name: string;
  /** The program, by its path in the package; a `*` stands for the one folder there. */
  readonly program: string;
  readonly minimum: string;
  /** The name of a dependency, where the package itself is empty and leads to the one of the distribution's version. */
  readonly leadsTo?: RegExp;
  /** Whether Debian unstable's runs on older systems too: it needs nothing but libc. */
  readonly isAlone: boolean;
  /** What else of that which an installation would bring is needed to run it; the rest is left out. */
  readonly isNeeded?: (name: string) => boolean;
  /** Paths in the packages that it runs without. */
  readonly unused?: readonly string[];
}

const apt = '/usr/bin/apt-get';
const documents = ['etc', 'var', 'usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/bash-completion'];
const multiarch: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/**
 * The distribution's package, unpacked without root: apt checks its signature chain, dpkg-deb takes it apart, and the
 * libraries that the system lacks go beside the program. Where the distribution's own is too old or not in its lists,
 * fresh lists are read into a private folder, or those of Debian unstable.
 */
export function aptSource(wanted: AptPackage): Source {
  return {
    origin: 'apt',
    name: "the system's package (apt)",
    async fetch(folder, context) {
      if (process.platform !== 'linux') throw new Error('apt is for Debian and Ubuntu');
      if (!existsSync(apt) || !existsSync('/usr/bin/dpkg-deb')) throw new Error('this system has no apt');
      const packages = await downloaded(wanted, folder, context);
      const root = join(folder, 'content');
      for (const file of readdirSync(packages))
        await runApt(['/usr/bin/dpkg-deb', '-x', join(packages, file), root], context);
      const program = programIn(root, wanted.program);
      if (!existsSync(join(root, program))) throw new Error(`the package holds no ${wanted.program}`);
      return wanted.isAlone ? join(root, program) : withLibraries(root, program, wanted);
    },
  };
}

function programIn(root: string, path: string): string {
  const [before = '', after] = path.split('*');
  return after === undefined ? path : before + (namesIn(join(root, before))[0] ?? '*') + after;
}

/** As root apt would hand the download to its own user, who cannot write into a private folder. */
const sandbox = ['-o', 'APT::Sandbox::User=root', '-o', 'Debug::NoLocking=1'];

interface Config {
  /** Apt's configuration file, for other lists of packages than the system's. */
  readonly config?: string;
}

/** A folder with the packages; lists of the system that name files which the mirror has no longer are read afresh. */
async function downloaded(wanted: AptPackage, folder: string, context: FetchContext): Promise<string> {
  const lists = await listsWith(wanted, folder, context);
  try {
    return await downloadInto(join(folder, 'packages'), wanted, context, lists);
  } catch (error) {
    context.signal.throwIfAborted();
    if (lists.config !== undefined) throw error;
    const config = await ownSources(folder, context).catch(() => undefined);
    if (config === undefined) throw error;
    return await downloadInto(join(folder, 'packages-of-fresh-lists'), wanted, context, { config });
  }
}

/** Apt would take a file that lies in the folder already without reading it: the folder must be new. */
async function downloadInto(
  packages: string,
  wanted: AptPackage,
  context: FetchContext,
  lists: Config,
): Promise<string> {
  const names = wanted.isAlone ? [wanted.name] : await whatIsMissing(wanted, context, lists);
  mkdirSync(packages, { mode: 0o755 });
  await runApt([apt, '-qq', ...sandbox, 'download', ...names], context, { cwd: packages, ...lists });
  return packages;
}

/** The first lists that offer a version that is new enough: the system's, the same read afresh, Debian unstable's. */
async function listsWith(wanted: AptPackage, folder: string, context: FetchContext): Promise<Config> {
  const { name, minimum, isAlone } = wanted;
  const note = (message: string): void => context.emit({ type: 'note', subject: `tool:${wanted.tool}`, message });
  const own = await candidate(name, context, {});
  if (own !== undefined && isAtLeast(own, minimum)) return {};
  const instead =
    own === undefined ? `the system offers no ${name}` : `the system offers ${name} ${own}, older than ${minimum}`;
  if (isAlone) {
    if (!isDebianKnown()) throw new Error(`${instead}, and Debian's keys (debian-archive-keyring) are not installed`);
    note(`${instead}: fetching Debian's`);
    return { config: await debianUnstable(folder, context) };
  }
  if (own !== undefined) throw new Error(instead);
  note(`${instead}: reading its lists of packages`);
  const config = await ownSources(folder, context);
  const fresh = await candidate(name, context, { config });
  if (fresh === undefined || !isAtLeast(fresh, minimum))
    throw new Error(fresh === undefined ? instead : `the system offers ${name} ${fresh}, older than ${minimum}`);
  return { config };
}

/** The version that package lists offer; no network. */
async function candidate(name: string, context: FetchContext, config: Config): Promise<string | undefined> {
  const { stdout } = await runApt(['/usr/bin/apt-cache', 'policy', name], context, config);
  return /^\s*Candidate: (?:\d+:)?(\d+(?:\.\d+)*)/m.exec(stdout)?.[1];
}

/** The package and what an installation would bring along, each with its version, as far as it is needed to run. */
async function whatIsMissing(wanted: AptPackage, context: FetchContext, config: Config): Promise<readonly string[]> {
  const main = wanted.leadsTo ? await dependencyOf(wanted.name, wanted.leadsTo, context, config) : wanted.name;
  const { stdout } = await runApt(
    [apt, '-s', ...sandbox, '-y', '--no-install-recommends', 'install', '--reinstall', main],
    context,
    config,
  );
  const isPart = (name: string): boolean => name === main || wanted.isNeeded?.(name) === true;
  // a compiler of 100 MB that PostgreSQL can do without
  const isLibrary = (name: string): boolean => name.startsWith('lib') && !name.startsWith('libllvm');
  // Inst libpq5 [15.18-0] (15.20-0 Debian:12/stable [amd64]): brackets hold the version that is installed
  const found = [...stdout.matchAll(/^Inst (\S+)( \[[^\]]+\])? \((\S+)/gm)];
  return found
    .filter(([, name = '', installed]) => isPart(name) || (installed === undefined && isLibrary(name)))
    .map(([, name, , version]) => `${name}=${version}`);
}

async function dependencyOf(name: string, like: RegExp, context: FetchContext, config: Config): Promise<string> {
  const { stdout } = await runApt(['/usr/bin/apt-cache', 'depends', name], context, config);
  const found = [...stdout.matchAll(/^\s*Depends: (\S+)/gm)]
    .map(([, each = '']) => each)
    .find((each) => like.test(each));
  if (found === undefined) throw new Error(`${name} leads to no package that is like ${like}`);
  return found;
}

function withLibraries(root: string, program: string, wanted: AptPackage): Fetched {
  for (const path of [...documents, ...(wanted.unused ?? [])])
    rmSync(join(root, path), { recursive: true, force: true });
  const triplet = multiarch[process.arch] ?? '';
  const libraries = ['usr/lib', 'lib']
    .map((folder) => `${folder}/${triplet}`)
    .filter((one) => existsSync(join(root, one)));
  return { root, program, ...(libraries.length > 0 ? { libraries } : {}) };
}
