import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { adapt } from '../../edge/adapt.ts';
import { askingProgram } from '../../edge/adapt-program.ts';
import type { JsonObject } from '../../edge/json.ts';
import type { Mounted } from '../../edge/mounted.ts';
import { rulesIn } from '../../edge/rivals/layout.ts';
import { readSite } from '../../edge/rivals/read-site.ts';
import type { Site } from '../../edge/rivals/types.ts';
import type { Wanted } from '../../edge/types.ts';
import type { Endpoint } from '../../kit/events.ts';
import { makeFolder } from '../../kit/files.ts';
import type { Port, Project } from '../../project/types.ts';
import { Guard } from '../../runtime/native/guard.ts';
import type { ComparisonReport, ServerKind } from '../../stopwatch/types.ts';
import { apacheRival } from './compare/apache.ts';
import { caddyRival } from './compare/caddy.ts';
import { campRunDir } from './compare/camp.ts';
import { certificateIn, makeCertificate } from './compare/certificate.ts';
import { composeRival } from './compare/compose.ts';
import { startEchoes } from './compare/echo.ts';
import type { Entrant, Field } from './compare/entrant.ts';
import { campEntrant } from './compare/entrant-camp.ts';
import { rivalEntrant } from './compare/entrant-rival.ts';
import { graceMs } from './compare/launch.ts';
import { nginxRival } from './compare/nginx.ts';
import { freePorts } from './compare/ports.ts';
import { referenceOf } from './compare/probes.ts';
import { findProgram } from './compare/programs.ts';
import { timeAll } from './compare/race.ts';
import { rowsOf } from './compare/rows.ts';
import type { Place, Rival } from './compare/types.ts';

export interface CompareRequest {
  /** camp is compared with each of these; itself it takes part anyway. */
  readonly servers: readonly ServerKind[];
  /** As it runs: its folder, Caddyfile, domain and services are read. */
  readonly project: Pick<Project, 'name' | 'dir' | 'domain' | 'caddyfile' | 'edgeEnv' | 'services'>;
  /** Where its replicas listen now. */
  readonly endpoints: readonly Endpoint[];
  /** Services that are only files: name to folder, absolute. */
  readonly statics: ReadonlyMap<string, string>;
  /** What the project's own edge service has mounted. */
  readonly mounts?: readonly Mounted[];
  /** The Caddy program. */
  readonly caddy: string;
  /** The edge of the project, which runs. */
  readonly edge: { readonly https: Port; readonly http?: Port; readonly caFile: string };
  /** Of the timing; 0 for none. */
  readonly runs: number;
  /** Leaves out each statement once to see what comes of it, which takes about a quarter of a second each. Default true. */
  readonly isThorough?: boolean;
  /** An empty folder that may be written into; what is left in it is the files of each server, in a folder of its own. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** One line on what is being done now. */
  onProgress(words: string): void;
}

/**
 * Serves the site of a running project with other servers too: writes their configurations, has them checked by the server's own
 * checker, starts those that are installed on the same services, asks all of them the same, and measures how long each
 * takes to its first request. Listeners are on loopback and on free ports; everything that was started has ended when
 * this does, also when `signal` is aborted. Throws CADDYFILE_INVALID (project); what concerns one server only is said
 * in its contender.
 */
export async function compare(request: CompareRequest): Promise<ComparisonReport> {
  const { project, signal } = request;
  makeFolder(request.folder, 0o700);
  const guard = new Guard(plainEnv(request.env));
  const runDir = join(project.dir, campRunDir);
  try {
    await using echoes = await startEchoes(request.endpoints);
    const adapted = await adaptedOf(request);
    const site = siteOf(request, adapted, request.endpoints);
    const field: Field = {
      site,
      echoSite: siteOf(request, adapted, echoes.endpoints),
      echoes,
      reference: await referenceOf(site, { ...request.edge, http: request.edge.http ?? 0 }, signal),
      watch: { add: (pgid, start) => guard.add(pgid, start, { graceMs }), remove: (pgid) => guard.remove(pgid) },
      signal,
    };
    const entrants = await enter(request, field);
    try {
      for (const entrant of entrants) {
        request.onProgress(`comparing with ${entrant.server}: checking and asking`);
        await entrant.prepare();
      }
      await timeAll(entrants, request.runs, field, request.onProgress);
      if (request.isThorough ?? true)
        for (const entrant of entrants) {
          request.onProgress(`comparing with ${entrant.server}: leaving out each statement once`);
          await entrant.breakEach();
        }
    } finally {
      for (const entrant of entrants) await entrant.remove();
    }
    const compared = entrants.map((entrant) => entrant.compared());
    return {
      contenders: compared.map(({ contender }) => contender),
      rows: rowsOf(compared, replicasBehind(site)),
    };
  } finally {
    guard.close();
    rmSync(runDir, { recursive: true, force: true });
  }
}

async function adaptedOf({ project, caddy, env, signal }: CompareRequest): Promise<JsonObject> {
  const seen = { ...plainEnv(env), ...project.edgeEnv };
  const ask = askingProgram({ caddy, projectDir: project.dir, env: seen }, signal);
  return (await adapt(ask, project.caddyfile, project.dir, seen)).config;
}

function siteOf(request: CompareRequest, adapted: JsonObject, endpoints: readonly Endpoint[]): Site {
  const { project, statics, mounts } = request;
  return readSite({
    adapted,
    domain: project.domain,
    dir: project.dir,
    services: new Set(project.services.keys()),
    endpoints,
    statics,
    ...(mounts === undefined ? {} : { mounts }),
  });
}

async function enter(request: CompareRequest, field: Field): Promise<readonly Entrant[]> {
  const { project, env, signal } = request;
  const certified = join(request.folder, 'certificates');
  makeFolder(certified, 0o711);
  const uncertified = await makeCertificate(field.site, certified, findProgram(['openssl'], env), signal);
  const rivals = await Promise.all(
    request.servers.flatMap((server) => (server === 'camp' ? [] : [rivalOf(server, request)])),
  );
  const ports = freePorts(2 * rivals.length + 2, `compare ${request.folder}`);
  const placeOf = (name: string, i: number): Place => {
    const folder = join(request.folder, name);
    makeFolder(folder, 0o700);
    return { folder, https: ports[2 * i] ?? 0, http: ports[2 * i + 1] ?? 0, ...certificateIn(certified) };
  };
  const wanted: Wanted = {
    caddyfile: project.caddyfile,
    domain: project.domain,
    services: new Set(project.services.keys()),
    endpoints: request.endpoints,
    statics: request.statics,
    ...(request.mounts === undefined ? {} : { mounts: request.mounts }),
  };
  const setup = {
    caddy: request.caddy,
    projectDir: project.dir,
    env: { ...plainEnv(env), ...project.edgeEnv },
    watch: field.watch,
  };
  return [
    await campEntrant(field, setup, placeOf('camp', rivals.length), wanted),
    ...rivals.map((rival, i) =>
      rivalEntrant(field, rival, placeOf(rival.server, i), certificateIn(certified), uncertified),
    ),
  ];
}

async function rivalOf(server: Exclude<ServerKind, 'camp'>, request: CompareRequest): Promise<Rival> {
  const { env, signal, caddy, project } = request;
  switch (server) {
    case 'nginx':
      return await nginxRival(env, signal);
    case 'apache':
      return await apacheRival(env, signal);
    case 'caddy':
      return await caddyRival(caddy, env, signal);
    case 'compose':
      return await composeRival(project.name, plainEnv(env), signal);
  }
}

function plainEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined));
}

function replicasBehind(site: Site): number {
  const addresses = rulesIn(site).flatMap(({ action }) => (action.kind === 'proxy' ? action.upstreams.addresses : []));
  return new Set(addresses).size;
}
