import { join } from 'node:path';
import type { Site } from '../../../edge/rivals/types.ts';
import { runCommand } from '../../../kit/spawn.ts';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly caFile: string;
}

/** Browsers take no certificate that is valid for longer (CA/Browser Forum, ballot SC31: 398 days). */
export const validDays = 397;

/** The two commands that make an authority and a certificate for the site, as a person would type them. */
export function certificateCommands(site: Site): readonly (readonly string[])[] {
  const names = site.hosts.flatMap((host) => (host.isTls ? host.names : []));
  const elliptic = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  return [
    [
      ...['openssl', 'req', '-x509', ...elliptic, '-keyout', 'ca.key', '-out', 'ca.crt'],
      ...['-days', '3650', '-subj', '/CN=Local CA'],
    ],
    [
      ...['openssl', 'req', '-x509', '-CA', 'ca.crt', '-CAkey', 'ca.key', ...elliptic],
      ...['-keyout', 'site.key', '-out', 'site.crt', '-days', String(validDays), '-subj', '/CN=site'],
      ...['-addext', `subjectAltName=${[...new Set(names)].map((name) => `DNS:${name}`).join(',')}`],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ],
  ];
}

export function certificateIn(folder: string): Certificate {
  return { certificate: join(folder, 'site.crt'), key: join(folder, 'site.key'), caFile: join(folder, 'ca.crt') };
}

/** Makes both in the folder, with the openssl of this machine (3.0 or newer); in words why not. */
export async function makeCertificate(
  site: Site,
  folder: string,
  openssl: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (openssl === undefined) return 'openssl is not installed, which makes the certificate';
  for (const [, ...words] of certificateCommands(site)) {
    const made = await runCommand([openssl, ...words], { cwd: folder, timeoutMs: 20_000, signal });
    signal.throwIfAborted();
    if (made.exitCode !== 0)
      return `openssl cannot make the certificate: ${made.stderr.trim().split('\n').at(-1) ?? made.errno}`;
  }
  return undefined;
}
