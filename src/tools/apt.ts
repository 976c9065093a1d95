import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandResult } from '../kit/spawn.ts';
import type { Source } from './source.ts';
import type { FetchContext } from './types.ts';
import { isAtLeast, minimumVersion } from './version.ts';

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const timeoutMs = 180_000;

/**
 * The distribution's package, unpacked without root: apt checks its signature chain, dpkg-deb takes the program
 * out. Where the distribution's own Caddy is too old, Debian's unstable one, which needs nothing but libc.
 */
export const aptSource: Source = {
  origin: 'apt',
  name: "the system's package (apt)",
  async fetch(folder, context) {
    if (process.platform !== 'linux') throw new Error('apt is for Debian and Ubuntu');
    if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb')) throw new Error('this system has no apt');
    const own = await ownCandidate(context);
    const config = own !== undefined && isAtLeast(own) ? undefined : await debianUnstable(folder, context, own);
    // Apt would take a file that lies in the folder already without reading it: the folder must be empty.
    const packages = join(folder, 'packages');
    mkdirSync(packages, { mode: 0o755 });
    await run(['/usr/bin/apt-get', '-qq', ...sandbox, 'download', 'caddy'], context, {
      cwd: packages,
      ...(config ? { config } : {}),
    });
    const [file] = readdirSync(packages).filter((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt downloaded no package');
    const content = join(folder, 'content');
    await run(['/usr/bin/dpkg-deb', '-x', join(packages, file), content], context);
    return join(content, 'usr', 'bin', 'caddy');
  },
};

/** As root apt would hand the download to its own user, who cannot write into a private folder. */
const sandbox = ['-o', 'APT::Sandbox::User=root'];

/** The version that the machine's own package lists offer; no network. */
async function ownCandidate(context: FetchContext): Promise<string | undefined> {
  const { stdout } = await run(['/usr/bin/apt-cache', 'policy', 'caddy'], context);
  return /^\s*Candidate: (?:\d+:)?(\d+\.\d+\.\d+)/m.exec(stdout)?.[1];
}

/** Package lists of Debian unstable in a private folder; returns apt's configuration file for them. */
async function debianUnstable(folder: string, context: FetchContext, own: string | undefined): Promise<string> {
  const instead =
    own === undefined ? 'the system offers no caddy' : `the system offers ${own}, older than ${minimumVersion}`;
  if (!existsSync(debianKeyring))
    throw new Error(`${instead}, and Debian's keys (debian-archive-keyring) are not installed`);
  context.emit({ type: 'note', subject: 'tool:caddy', message: `${instead}: fetching Debian's` });
  for (const name of ['lists/partial', 'cache/archives/partial', 'empty'])
    mkdirSync(join(folder, 'apt', name), { recursive: true });
  const apt = join(folder, 'apt');
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${debianKeyring}] ${await mirror(context)} sid main\n`);
  writeFileSync(join(apt, 'preferences'), '');
  writeFileSync(join(apt, 'apt.conf'), aptConfig(apt));
  await run(['/usr/bin/apt-get', '-qq', ...sandbox, '-o', 'Debug::NoLocking=1', 'update'], context, {
    config: join(apt, 'apt.conf'),
  });
  return join(apt, 'apt.conf');
}

/** Everything that apt writes goes into the private folder; only the state of installed packages is read. */
function aptConfig(apt: string): string {
  return [
    `Dir::State "${apt}";`,
    `Dir::State::lists "${apt}/lists";`,
    'Dir::State::status "/var/lib/dpkg/status";',
    `Dir::Cache "${apt}/cache";`,
    `Dir::Etc::sourcelist "${apt}/sources.list";`,
    `Dir::Etc::sourceparts "${apt}/empty";`,
    `Dir::Etc::preferences "${apt}/preferences";`,
    `Dir::Etc::preferencesparts "${apt}/empty";`,
    'Acquire::Languages "none";',
    // without a network it is to say so at once
    'Acquire::Retries "0";',
    'Acquire::http::Timeout "15";',
    'Acquire::https::Timeout "15";',
    'APT::Update::Error-Mode "any";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
    'Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";',
    'APT::Default-Release "";',
    '',
  ].join('\n');
}

/** The Debian mirror that the machine uses itself: no other host is asked. */
async function mirror(context: FetchContext): Promise<string> {
  const { stdout } = await run(['/usr/bin/apt-get', 'indextargets', '--format', '$(REPO_URI)'], context);
  const own = stdout.split('\n').find((uri) => /\/debian\/?$/.test(uri.trim()));
  if (own === undefined) throw new Error('apt is set up with no mirror of Debian');
  return own.trim().replace(/\/$/, '');
}

async function run(
  argv: readonly string[],
  context: FetchContext,
  options: { cwd?: string; config?: string } = {},
): Promise<CommandResult> {
  const { runCommand } = await import('../kit/spawn.ts');
  const env = Object.fromEntries(
    Object.entries({
      ...context.env,
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
      APT_CONFIG: options.config,
    }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const result = await runCommand(argv, {
    env,
    timeoutMs,
    signal: context.signal,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  context.signal.throwIfAborted();
  if (result.exitCode === 0) return result;
  const words =
    result.stderr
      .split('\n')
      .filter((line) => /^[EW]: /.test(line))
      .slice(-2)
      .join(' ') ||
    result.errno ||
    `exit code ${result.exitCode}`;
  throw new Error(`${argv[0]?.split('/').at(-1)} ${result.isTimedOut ? 'took too long' : words}`);
}
