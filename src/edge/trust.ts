import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail } from '../kit/failure.ts';
import { writeWhole } from '../kit/files.ts';
import { authorityFiles } from './authority.ts';
import {
  campFilesIn,
  keychainCertificates,
  nssCertificate,
  nssDatabases,
  programPath,
  readIfThere,
  systemStore,
  type TrustStep,
} from './trust-stores.ts';

export interface TrustOptions {
  readonly storage: string;
  /** Home of the user whose browsers are meant. */
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly isRoot: boolean;
  /** Return the steps without doing anything. */
  readonly isDryRun?: boolean;
}

export interface StoreStatus {
  readonly store: string;
  readonly isTrusted: boolean;
  /** Files of other roots of camp's in that store: of a CA that was replaced, or another user's. */
  readonly others: readonly string[];
  readonly why: string;
}

interface Root {
  readonly path: string;
  readonly pem: string;
  readonly fingerprint: string;
  /** Unique by fingerprint, so that two users or two CAs never remove each other's. */
  readonly nickname: string;
}

/** Where the local CA's root is trusted, store by store, compared by fingerprint. Changes nothing. */
export function trustStatus(options: TrustOptions): readonly StoreStatus[] {
  const root = readRoot(options.storage);
  return planSteps(options, 'install', root).map((step) => ({
    store: step.store,
    isTrusted: step.action === 'nothing' && step.why === alreadyTrusted,
    others: step.store === 'system' ? otherRoots(root) : [],
    why: step.action === 'nothing' ? step.why : 'the local CA is not trusted',
  }));
}

/**
 * Puts the root into the system's store and the browsers' own ones; returns what was done. Throws CA_NOT_TRUSTED
 * (edge) where there is no CA yet, NO_PERMISSION (machine) with the sudo command where root is needed; the stores
 * of the user are done before.
 */
export function installTrust(options: TrustOptions): readonly TrustStep[] {
  return carryOut(planSteps(options, 'install', readRoot(options.storage)), options, 'camp trust');
}

/** Takes exactly this CA's root out of every store, by fingerprint; nothing else is touched. */
export function removeTrust(options: TrustOptions): readonly TrustStep[] {
  return carryOut(planSteps(options, 'remove', readRoot(options.storage)), options, 'camp trust --remove');
}

const alreadyTrusted = 'already trusted';

function readRoot(storage: string): Root {
  const path = authorityFiles(storage).root;
  const pem = readIfThere(path);
  if (pem === undefined)
    fail('edge', 'CA_NOT_TRUSTED', 'there is no local CA yet, so nothing can be trusted', {
      hints: ['camp up', `looked for ${path}`],
    });
  const fingerprint = new X509Certificate(pem).fingerprint256;
  return { path, pem, fingerprint, nickname: `camp-${fingerprint.replaceAll(':', '').slice(0, 16).toLowerCase()}` };
}

function planSteps(options: TrustOptions, action: 'install' | 'remove', root: Root): readonly TrustStep[] {
  return [systemStep(options, action, root), ...nssSteps(options, action, root)];
}

function systemStep(options: TrustOptions, action: 'install' | 'remove', root: Root): TrustStep {
  if (process.platform === 'darwin') return keychainStep(action, root);
  const store = systemStore();
  if (!store)
    return {
      store: 'system',
      action: 'nothing',
      why: 'this system has no known folder for own certificates',
      needsRoot: false,
      run: [],
    };
  const path = join(store.folder, `${root.nickname}.${store.extension}`);
  const found = readIfThere(path);
  const isThere = found !== undefined && sameCertificate(found, root);
  if (isThere === (action === 'install')) return systemIsFine(isThere);
  const [refresh = '', ...args] = store.refresh;
  const run = [[programPath(refresh, options.env) ?? refresh, ...args]];
  return action === 'install'
    ? { store: 'system', action, why: `${path} is written`, needsRoot: true, write: { path, content: root.pem }, run }
    : { store: 'system', action, why: `${path} is deleted`, needsRoot: true, delete: path, run };
}

function systemIsFine(isThere: boolean): TrustStep {
  const why = isThere ? alreadyTrusted : 'not there';
  return { store: 'system', action: 'nothing', why, needsRoot: false, run: [] };
}

function otherRoots(root: Root): readonly string[] {
  const folder = systemStore()?.folder;
  return folder === undefined ? [] : campFilesIn(folder).filter((path) => !basename(path).startsWith(root.nickname));
}

function keychainStep(action: 'install' | 'remove', root: Root): TrustStep {
  const pems =
    keychainCertificates('Caddy Local Authority').match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ??
    [];
  const isThere = pems.some((pem) => sameCertificate(pem, root));
  if (isThere === (action === 'install')) return systemIsFine(isThere);
  const keychain = '/Library/Keychains/System.keychain';
  const sha1 = new X509Certificate(root.pem).fingerprint.replaceAll(':', '');
  return action === 'install'
    ? {
        store: 'system',
        action,
        why: 'added to the system keychain',
        needsRoot: true,
        run: [['security', 'add-trusted-cert', '-d', '-r', 'trustRoot', '-k', keychain, root.path]],
      }
    : {
        store: 'system',
        action,
        why: 'removed from the system keychain',
        needsRoot: true,
        run: [['security', 'delete-certificate', '-Z', sha1, '-t', keychain]],
      };
}

function nssSteps(options: TrustOptions, action: 'install' | 'remove', root: Root): readonly TrustStep[] {
  const databases = nssDatabases(options.home);
  const certutil = programPath('certutil', options.env);
  return databases.map((database): TrustStep => {
    const store =
      basename(database) === 'nssdb' ? database.replace(options.home, '~') : `Firefox (${basename(database)})`;
    if (!certutil)
      return {
        store,
        action: 'nothing',
        why: 'certutil is missing (Debian: libnss3-tools, Fedora and Arch: nss-tools, macOS: brew install nss)',
        needsRoot: false,
        run: [],
      };
    const found = nssCertificate(certutil, database, root.nickname);
    const isThere = found !== undefined && sameCertificate(found, root);
    if (isThere === (action === 'install'))
      return { store, action: 'nothing', why: isThere ? alreadyTrusted : 'not there', needsRoot: false, run: [] };
    const base = [certutil, '-d', `sql:${database}`];
    return action === 'install'
      ? {
          store,
          action,
          why: `added as ${root.nickname}`,
          needsRoot: false,
          run: [[...base, '-A', '-t', 'C,,', '-n', root.nickname, '-i', root.path]],
        }
      : {
          store,
          action,
          why: `removed (${root.nickname})`,
          needsRoot: false,
          run: [[...base, '-D', '-n', root.nickname]],
        };
  });
}

function sameCertificate(pem: string, root: Root): boolean {
  try {
    return new X509Certificate(pem).fingerprint256 === root.fingerprint;
  } catch {
    return false;
  }
}

/** The user's own stores first: they need no root, and are done even where the system's cannot be. */
function carryOut(steps: readonly TrustStep[], options: TrustOptions, command: string): readonly TrustStep[] {
  if (options.isDryRun) return steps;
  const possible = steps.filter((step) => !step.needsRoot || options.isRoot);
  for (const step of possible) perform(step);
  const denied = steps.filter((step) => step.needsRoot && !options.isRoot);
  if (denied.length > 0)
    fail(
      'machine',
      'NO_PERMISSION',
      `the ${denied.map((step) => step.store).join(' and ')} store needs root; HTTPS is served all the same`,
      {
        hints: [`sudo env "PATH=$PATH" ${storageVariable(options)}${command}`],
        evidence: steps.map((step) => `${step.store}: ${denied.includes(step) ? 'not done' : step.why}`),
      },
    );
  return steps;
}

/** Root's own home has another CA (or none): the command names the user's. */
function storageVariable(options: TrustOptions): string {
  const campHome = options.env['CAMP_HOME'];
  return campHome ? `CAMP_HOME='${campHome}' ` : `HOME='${options.home}' `;
}

function perform(step: TrustStep): void {
  if (step.write) writeWhole(step.write.path, step.write.content, { mode: 0o644 });
  if (step.delete) rmSync(step.delete, { force: true });
  for (const [file = '', ...args] of step.run) {
    try {
      execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', timeout: 60_000 });
    } catch (error) {
      const words = String((error as { stderr?: unknown }).stderr ?? '').trim() || (error as Error).message;
      fail('edge', 'CA_NOT_TRUSTED', `the ${step.store} store refused the local CA`, {
        hints: [[file, ...args].join(' ')],
        evidence: [words],
      });
    }
  }
}
