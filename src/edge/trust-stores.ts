import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step that changes a trust store, or would. */
export interface TrustStep {
  /** `system`, `~/.pki/nssdb`, `Firefox (abcd.default)`. */
  readonly store: string;
  readonly action: 'install' | 'remove' | 'nothing';
  /** Why there is nothing to do, or what is done. */
  readonly why: string;
  readonly needsRoot: boolean;
  /** Files to write or delete, then commands to run. */
  readonly write?: { readonly path: string; readonly content: string };
  readonly delete?: string;
  readonly run: readonly (readonly string[])[];
}

/** The folders of certificates that a system's administrator adds, and what makes them count. */
interface SystemStore {
  readonly folder: string;
  readonly extension: string;
  readonly refresh: readonly string[];
}

const linuxStores: readonly SystemStore[] = [
  { folder: '/usr/local/share/ca-certificates', extension: 'crt', refresh: ['update-ca-certificates'] },
  { folder: '/etc/pki/ca-trust/source/anchors', extension: 'pem', refresh: ['update-ca-trust', 'extract'] },
  { folder: '/etc/ca-certificates/trust-source/anchors', extension: 'crt', refresh: ['trust', 'extract-compat'] },
  { folder: '/usr/share/pki/trust/anchors', extension: 'pem', refresh: ['update-ca-certificates'] },
];

/** Debian, Fedora, Arch and SUSE have one of these; undefined on other systems. */
export function systemStore(exists: (path: string) => boolean = existsSync): SystemStore | undefined {
  return linuxStores.find((store) => exists(store.folder));
}

/** Certificate databases of Chromium and Firefox (NSS): of this user only, snaps and flatpaks too. */
export function nssDatabases(home: string): readonly string[] {
  const shared = [
    join(home, '.pki/nssdb'),
    join(home, '.local/share/pki/nssdb'),
    join(home, 'snap/chromium/current/.pki/nssdb'),
  ];
  const profiles = [
    '.mozilla/firefox',
    '.config/mozilla/firefox',
    'snap/firefox/common/.mozilla/firefox',
    '.var/app/org.mozilla.firefox/.mozilla/firefox',
    'Library/Application Support/Firefox/Profiles',
  ].flatMap((folder) => foldersIn(join(home, folder)));
  return [...shared, ...profiles].filter((folder) => existsSync(join(folder, 'cert9.db')));
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}

/** The certificate that an NSS database holds under our nickname, or undefined. */
export function nssCertificate(certutil: string, database: string, nickname: string): string | undefined {
  try {
    return execFileSync(certutil, ['-d', `sql:${database}`, '-L', '-n', nickname, '-a'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

/** The certificates of our CAs in the macOS system keychain, as PEM. */
export function keychainCertificates(commonName: string): string {
  try {
    return execFileSync(
      'security',
      ['find-certificate', '-a', '-c', commonName, '-p', '/Library/Keychains/System.keychain'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
  } catch {
    return '';
  }
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** A program of PATH or of the folders that sudo adds. */
export function programPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = [
    ...(env['PATH'] ?? '').split(':'),
    '/usr/sbin',
    '/sbin',
    '/usr/local/sbin',
    '/opt/homebrew/bin',
    '/usr/local/opt/nss/bin',
    '/opt/homebrew/opt/nss/bin',
  ];
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** Certificates that some `camp trust` wrote into a system folder. */
export function campFilesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^camp-[0-9a-f]{16}\./.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
