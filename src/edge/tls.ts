import { entriesOf, isObject, type JsonObject, objectAt, objectsOf, stringsOf } from './json.ts';

/** How a server takes connections. */
export interface ServerHosts {
  readonly isTls: boolean;
  /** Names of its sites, without those for which the Caddyfile turns automatic HTTPS off. */
  readonly names: readonly string[];
  /** The Caddyfile says `auto_https off` or `disable_redirects`. */
  readonly hasRedirects: boolean;
}

/**
 * Gives every server with named sites TLS, as Caddy's automatic HTTPS would, but explicitly: every
 * certificate from the local CA (never ACME from a developer's machine), one wildcard certificate for
 * the project's domain instead of one a host. What the Caddyfile says of TLS itself stays.
 */
export function securedByLocalCa(apps: JsonObject, domain: string): ReadonlyMap<string, ServerHosts> {
  const http = objectAt(apps, 'http');
  const byServer = new Map<string, ServerHosts>();
  const names = new Set<string>();
  // `auto_https off` with certificates of its own is respected; without any, TLS could not work at all.
  const hasLoaded =
    isObject(apps.tls) &&
    isObject(apps.tls.certificates) &&
    Object.keys(apps.tls.certificates).some((key) => key.startsWith('load_'));
  for (const [name, server] of entriesOf(http.servers)) {
    const hosts = secureServer(server, http.http_port);
    byServer.set(name, hosts);
    if (hosts.isTls && !(isAutomationOff(server) && hasLoaded))
      for (const host of certificateNames(server, hosts.names)) names.add(host);
    // All is said explicitly now; and behind an inherited socket Caddy could not tell the HTTP port.
    server.automatic_https = { disable: true };
  }
  if (byServer.size === 0 && !apps.tls) return byServer;
  const tls = objectAt(apps, 'tls');
  const certificates = objectAt(tls, 'certificates');
  certificates.automate = [...new Set([...stringsOf(certificates.automate), ...coveredBy(names, domain)])].sort();
  const automation = objectAt(tls, 'automation');
  automation.policies = localPolicies(objectsOf(automation.policies));
  // Two thirds of a second of disk work at start are not needed here, and the cleaner can remove the folder
  // of a certificate that is just being issued, which then takes another 60 s.
  tls.disable_storage_check = true;
  tls.disable_storage_clean = true;
  for (const [, authority] of [...entriesOf(objectAt(objectAt(apps, 'pki'), 'certificate_authorities'))])
    prepareAuthority(authority);
  prepareAuthority(objectAt(objectAt(objectAt(apps, 'pki'), 'certificate_authorities'), 'local'));
  return byServer;
}

/** Trust is the person's decision (`camp trust`); the storage is camp's. */
function prepareAuthority(authority: JsonObject): void {
  authority.install_trust = false;
  delete authority.storage;
}

function secureServer(server: JsonObject, httpPort: JsonObject[string]): ServerHosts {
  const automatic = isObject(server.automatic_https) ? server.automatic_https : {};
  const skipped = new Set(stringsOf(automatic.skip));
  const names = [...new Set(hostsOf(server).filter((host) => !skipped.has(host)))];
  const isPlain = stringsOf(server.listen).every(
    (address) => address.endsWith(`:${httpPort ?? 80}`) || address.startsWith('unix'),
  );
  const isOff = automatic.disable === true;
  if (!isPlain && !isOff && names.length > 0) server.tls_connection_policies ??= [{}];
  const isTls = !isPlain && objectsOf(server.tls_connection_policies).length > 0;
  return { isTls, names, hasRedirects: isTls && !isOff && automatic.disable_redirects !== true };
}

/** Hosts of a server's sites; placeholders are only known to Caddy at run time. */
export function hostsOf(server: JsonObject): string[] {
  const sets = objectsOf(server.routes).flatMap((route) => objectsOf(route.match));
  return sets.flatMap((set) => stringsOf(set.host)).filter((host) => !host.includes('{'));
}

function isAutomationOff(server: JsonObject): boolean {
  const automatic = server.automatic_https;
  return isObject(automatic) && (automatic.disable === true || automatic.disable_certificates === true);
}

/** Names that need a certificate of the local CA: not those with a certificate file of their own. */
function certificateNames(server: JsonObject, names: readonly string[]): string[] {
  const own = objectsOf(server.tls_connection_policies).filter((policy) => policy.certificate_selection);
  const loaded = new Set(own.flatMap((policy) => (isObject(policy.match) ? stringsOf(policy.match.sni) : [])));
  const automatic = isObject(server.automatic_https) ? server.automatic_https : {};
  for (const host of stringsOf(automatic.skip_certificates)) loaded.add(host);
  return names.filter((name) => !loaded.has(name));
}

/** One label below the domain is covered by its wildcard; everything else is named. */
function coveredBy(names: ReadonlySet<string>, domain: string): string[] {
  return [...names].map((name) => {
    const isBelow = name.endsWith(`.${domain}`) && !name.slice(0, -domain.length - 1).includes('.');
    return isBelow ? `*.${domain}` : name;
  });
}

function localPolicies(policies: readonly JsonObject[]): JsonObject[] {
  const local = policies.map((policy) => {
    const issuers = objectsOf(policy.issuers).filter((issuer) => issuer.module === 'internal');
    const kept: JsonObject = { ...policy, issuers: issuers.length > 0 ? issuers : [{ module: 'internal' }] };
    delete kept.storage;
    return kept;
  });
  if (!local.some((policy) => !policy.subjects)) local.push({ issuers: [{ module: 'internal' }] });
  return local;
}
