import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runApt } from './apt-run.ts';
import type { FetchContext } from './types.ts';

const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Whether the signatures of Debian can be checked here. */
export function isDebianKnown(): boolean {
  return existsSync(debianKeyring);
}

/** Package lists of Debian unstable in a private folder; returns apt's configuration file for them. */
export async function debianUnstable(folder: string, context: FetchContext): Promise<string> {
  const apt = privateFolder(folder);
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${debianKeyring}] ${await mirror(context)} sid main\n`);
  return await update(apt, context, [
    `Dir::Etc::sourcelist "${apt}/sources.list";`,
    `Dir::Etc::sourceparts "${apt}/empty";`,
    `Dir::Etc::preferences "${apt}/preferences";`,
    `Dir::Etc::preferencesparts "${apt}/empty";`,
    'APT::Default-Release "";',
  ]);
}

/** The lists of the system's own sources, read afresh into a private folder; returns apt's configuration file for them. */
export async function ownSources(folder: string, context: FetchContext): Promise<string> {
  return await update(privateFolder(folder), context, []);
}

function privateFolder(folder: string): string {
  const apt = join(folder, 'apt');
  for (const name of ['lists/partial', 'cache/archives/partial', 'empty'])
    mkdirSync(join(apt, name), { recursive: true });
  writeFileSync(join(apt, 'preferences'), '');
  return apt;
}

/** Everything that apt writes goes into the private folder; only the state of installed packages is read. */
async function update(apt: string, context: FetchContext, sources: readonly string[]): Promise<string> {
  const config = join(apt, 'apt.conf');
  const lines = [
    `Dir::State "${apt}";`,
    `Dir::State::lists "${apt}/lists";`,
    'Dir::State::status "/var/lib/dpkg/status";',
    `Dir::Cache "${apt}/cache";`,
    ...sources,
    'Acquire::Languages "none";',
    // without a network it is to say so at once
    'Acquire::Retries "0";',
    'Acquire::http::Timeout "15";',
    'Acquire::https::Timeout "15";',
    'APT::Update::Error-Mode "any";',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";',
    'Acquire::IndexTargets::deb::DEP-11-icons-small::DefaultEnabled "false";',
    '',
  ];
  writeFileSync(config, lines.join('\n'));
  const options = ['-o', 'APT::Sandbox::User=root', '-o', 'Debug::NoLocking=1'];
  await runApt(['/usr/bin/apt-get', '-qq', ...options, 'update'], context, { config });
  return config;
}

/** The Debian mirror that the machine uses itself: no other host is asked. */
async function mirror(context: FetchContext): Promise<string> {
  const { stdout } = await runApt(['/usr/bin/apt-get', 'indextargets', '--format', '$(REPO_URI)'], context);
  const own = stdout.split('\n').find((uri) => /\/debian\/?$/.test(uri.trim()));
  if (own === undefined) throw new Error('apt is set up with no mirror of Debian');
  return own.trim().replace(/\/$/, '');
}
