import { createPrivateKey, X509Certificate } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, readText } from '../kit/files.ts';
import { withAuthority } from './authority.ts';
import { type BriefSetup, runBriefly } from './brief-caddy.ts';
import { deadLockMs, issuedNames, removeDeadLocks } from './issue-locks.ts';
import { isObject, type JsonObject, objectsOf, stringsOf } from './json.ts';

/** A certificate of a CA of this user, with its key: all that an edge without the CA needs. */
export interface Leaf {
  readonly name: string;
  /** PEM, the intermediate's after its own. */
  readonly certificate: string;
  /** PEM */
  readonly key: string;
  /** When it is to be replaced, in milliseconds since the epoch. */
  readonly dueAt: number;
}

/** Caddy renews in the last third of the lifetime; a little later here, so that one that is due is always renewed. */
const dueAtLeft = 0.3;

/**
 * The certificates that a configuration wants issued, from Caddy's storage; those that are missing, spoilt or due
 * are issued first, by a Caddy that runs for that only. The CA's keys stay where they are.
 * Throws EDGE_UNREACHABLE or CA_UNUSABLE (edge).
 */
export async function leavesFor(setup: BriefSetup, config: JsonObject, signal: AbortSignal): Promise<readonly Leaf[]> {
  const names = issuedNames(config);
  const places = names.map((name) => placeOf(setup.storage, name, authorityOf(config, name)));
  const missing = places.filter((place) => !isGood(place));
  if (missing.length > 0) {
    makeFolder(setup.storage, 0o700);
    removeDeadLocks(setup.storage, names, deadLockMs);
    for (const place of missing) if (isSpoilt(place)) removePlace(place);
    const apps = issuingApps(config, missing);
    const isDone = (): boolean => missing.every((place) => isGood(place) && readText(place.meta) !== undefined);
    await withAuthority(setup.storage, signal, () =>
      runBriefly(setup, apps, `issue a certificate for ${missing.map(({ name }) => name).join(', ')}`, isDone, signal),
    );
  }
  return places.flatMap((place) => readLeaf(place) ?? []);
}

/** Only what has to do with issuing, as the configuration has it. */
function issuingApps(config: JsonObject, places: readonly LeafPlace[]): JsonObject {
  const apps = isObject(config.apps) ? config.apps : {};
  const tls = isObject(apps.tls) ? apps.tls : {};
  return {
    ...(apps.pki === undefined ? {} : { pki: apps.pki }),
    tls: {
      certificates: { automate: places.map(({ name }) => name) },
      ...(tls.automation === undefined ? {} : { automation: tls.automation }),
      disable_storage_check: true,
      disable_storage_clean: true,
    },
  };
}

/** The CA that issues a name: the first policy that is for it decides. */
function authorityOf(config: JsonObject, name: string): string {
  const apps = isObject(config.apps) ? config.apps : {};
  const tls = isObject(apps.tls) ? apps.tls : {};
  const automation = isObject(tls.automation) ? tls.automation : {};
  const policy = objectsOf(automation.policies).find(
    ({ subjects }) => subjects === undefined || stringsOf(subjects).includes(name),
  );
  const [issuer] = objectsOf(policy?.issuers);
  return typeof issuer?.ca === 'string' ? issuer.ca : 'local';
}

interface LeafPlace {
  readonly name: string;
  readonly folder: string;
  readonly certificate: string;
  readonly key: string;
  /** Written last. */
  readonly meta: string;
  /** Root of the CA that issues it. */
  readonly root: string;
}

/** Where Caddy keeps a certificate (caddyserver/certmagic storage.go: KeyBuilder.Safe). */
function placeOf(storage: string, name: string, authority: string): LeafPlace {
  const safe = name
    .toLowerCase()
    .trim()
    .replaceAll(' ', '_')
    .replaceAll('+', '_plus_')
    .replaceAll('*', 'wildcard_')
    .replaceAll(':', '-')
    .replaceAll('..', '')
    .replace(/[^\w@.-]/g, '');
  const folder = join(storage, 'certificates', authority, safe);
  return {
    name,
    folder,
    certificate: join(folder, `${safe}.crt`),
    key: join(folder, `${safe}.key`),
    meta: join(folder, `${safe}.json`),
    root: join(storage, 'pki', 'authorities', authority, 'root.crt'),
  };
}

function isGood(place: LeafPlace): boolean {
  const leaf = readLeaf(place);
  return leaf !== undefined && leaf.dueAt > Date.now();
}

/** Something is there, and it is of no use: Caddy would neither take nor replace it. */
function isSpoilt(place: LeafPlace): boolean {
  const isThere = readText(place.certificate) !== undefined || readText(place.key) !== undefined;
  return isThere && readLeaf(place) === undefined;
}

function removePlace({ certificate, key, meta }: LeafPlace): void {
  for (const path of [certificate, key, meta]) rmSync(path, { force: true });
}

/** Undefined where there is none, or none that leads to the CA's root. */
function readLeaf(place: LeafPlace): Leaf | undefined {
  const certificate = readText(place.certificate);
  const key = readText(place.key);
  const root = readText(place.root);
  if (certificate === undefined || key === undefined || root === undefined) return undefined;
  try {
    const chain = (certificate.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? []).map(
      (pem) => new X509Certificate(pem),
    );
    const [own] = chain;
    if (!own?.checkPrivateKey(createPrivateKey(key))) return undefined;
    const issuers = [...chain.slice(1), new X509Certificate(root)];
    if (!chain.every((each, i) => issuers[i] && each.verify(issuers[i].publicKey))) return undefined;
    return { name: place.name, certificate, key, dueAt: Math.min(...chain.map(dueAt)) };
  } catch {
    // half written, or no certificate at all
    return undefined;
  }
}

/** An intermediate that ends soon takes its leaves with it. */
function dueAt(certificate: X509Certificate): number {
  const begin = Date.parse(certificate.validFrom);
  const end = Date.parse(certificate.validTo);
  return certificate.ca ? end : end - dueAtLeft * (end - begin);
}
