import { isObject, type Json, type JsonObject, objectAt, objectsOf } from './json.ts';
import type { Leaf } from './leaves.ts';

export interface Contained {
  readonly config: JsonObject;
  readonly warnings: readonly string[];
}

/**
 * A patched configuration for a Caddy in a container, which has the certificates and no CA: nothing is issued
 * there. It may not write into the project, and its own loopback leads nowhere. Pure.
 */
export function contained(patched: JsonObject, leaves: readonly Leaf[]): Contained {
  const config = structuredClone(patched);
  const warnings: string[] = [];
  const apps = isObject(config.apps) ? config.apps : {};
  delete apps.pki;
  if (isObject(apps.tls)) {
    if (isOnDemand(apps.tls))
      warnings.push('certificates on demand need the local CA, which no container gets: they are not issued');
    delete apps.tls.automation;
    withLeaves(objectAt(apps.tls, 'certificates'), leaves);
  }
  if (isObject(config.logging)) warnings.push(...keepLogsInside(config.logging));
  for (const dial of loopbackUpstreams(apps.http))
    warnings.push(
      `${dial} is the edge's own container: name a service, or write host.docker.internal for a program of this machine`,
    );
  return { config, warnings: [...new Set(warnings)] };
}

function withLeaves(certificates: JsonObject, leaves: readonly Leaf[]): void {
  delete certificates.automate;
  if (leaves.length === 0) return;
  const own = Array.isArray(certificates.load_pem) ? certificates.load_pem : [];
  certificates.load_pem = [...own, ...leaves.map(({ certificate, key }) => ({ certificate, key }))];
}

function isOnDemand(tls: JsonObject): boolean {
  const automation = isObject(tls.automation) ? tls.automation : {};
  return objectsOf(automation.policies).some((policy) => policy.on_demand === true);
}

/** The project's folder is read-only in there: a log that would be a file goes where all others go. */
function keepLogsInside(logging: JsonObject): string[] {
  const logs = isObject(logging.logs) ? Object.values(logging.logs).filter(isObject) : [];
  return logs.flatMap((log) => {
    if (!isObject(log.writer) || log.writer.output !== 'file') return [];
    const { filename } = log.writer;
    delete log.writer;
    return [`${String(filename)} is not written from a container: its lines are in "camp logs edge"`];
  });
}

function loopbackUpstreams(node: Json | undefined): string[] {
  if (Array.isArray(node)) return node.flatMap(loopbackUpstreams);
  if (!isObject(node)) return [];
  const own = node.handler === 'reverse_proxy' ? objectsOf(node.upstreams).map(({ dial }) => String(dial)) : [];
  return [
    ...own.filter((dial) => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\]):/.test(dial)),
    ...Object.values(node).flatMap(loopbackUpstreams),
  ];
}
