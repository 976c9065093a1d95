import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureAuthority } from '../../src/edge/ca.ts';
import { installTrust, removeTrust, type TrustOptions, trustStatus } from '../../src/edge/trust.ts';
import { programPath, systemStore } from '../../src/edge/trust-stores.ts';
import { CampError } from '../../src/kit/failure.ts';
import { caddy, createRig, never, type Rig } from './edge-rig.ts';

const certutil = programPath('certutil', process.env);

/** A user with a Chromium database and a Firefox profile; the system's own store is never written by these tests. */
async function person(rig: Rig): Promise<TrustOptions> {
  await ensureAuthority({ caddy: rig.setup.caddy, storage: rig.setup.storage, env: rig.setup.env }, never);
  const home = join(rig.folder, 'home');
  for (const folder of ['.pki/nssdb', '.mozilla/firefox/abcd.default']) {
    mkdirSync(join(home, folder), { recursive: true });
    if (certutil) execFileSync(certutil, ['-d', `sql:${join(home, folder)}`, '-N', '--empty-password']);
  }
  return { storage: rig.setup.storage, home, env: process.env, isRoot: false };
}

function failureOf(work: () => unknown): CampError['failures'][number] | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof CampError) return error.failures[0];
    throw error;
  }
  return undefined;
}

test('without a CA there is nothing to trust', async () => {
  await using rig = createRig();
  expect(
    failureOf(() => trustStatus({ storage: rig.setup.storage, home: rig.folder, env: {}, isRoot: false })),
  ).toMatchObject({ fault: 'edge', code: 'CA_NOT_TRUSTED' });
});

describe.skipIf(caddy === undefined || certutil === undefined)('the browsers of a user', () => {
  test('get the root, by fingerprint, and lose exactly it again', async () => {
    await using rig = createRig();
    const options = await person(rig);
    const browsers = () => trustStatus(options).filter(({ store }) => store !== 'system');
    expect(browsers().map(({ store, isTrusted }) => [store, isTrusted])).toEqual([
      ['~/.pki/nssdb', false],
      ['Firefox (abcd.default)', false],
    ]);
    expect(browsers().map(({ why }) => why)).toEqual(['the local CA is not trusted', 'the local CA is not trusted']);
    const planned = installTrust({ ...options, isDryRun: true });
    expect(planned.filter((step) => step.store !== 'system').every((step) => step.action === 'install')).toBe(true);
    expect(browsers().every((store) => !store.isTrusted)).toBe(true);

    const denied = failureOf(() => installTrust(options));
    if (systemStore() || process.platform === 'darwin') {
      expect(denied).toMatchObject({ fault: 'machine', code: 'NO_PERMISSION' });
      expect(denied?.hints[0]).toMatch(/^sudo .*camp trust$/);
    }
    expect(browsers().every((store) => store.isTrusted)).toBe(true);
    const own = join(options.home, '.pki/nssdb');
    execFileSync(certutil!, ['-d', `sql:${own}`, '-A', '-t', 'C,,', '-n', 'somebody else', '-i', rig.edge.caFile]);
    const listed = execFileSync(certutil!, ['-d', `sql:${own}`, '-L'], { encoding: 'utf8' });
    expect(listed).toMatch(/camp-[0-9a-f]{16} +C,,/);

    failureOf(() => removeTrust(options));
    expect(browsers().every((store) => !store.isTrusted)).toBe(true);
    expect(readFileSync(rig.edge.caFile, 'utf8')).toContain('BEGIN CERTIFICATE');
  });
});
