import { type BuiltImage, builtImageOf } from './dockerfile.ts';
import type { HttpPort, Mentions } from './http-mentions.ts';
import { type ImageFacts, imageFacts, speaksHttp } from './images.ts';
import type { Port, Service } from './types.ts';

/** Processes that wait for work rather than for requests. */
export const workerName =
  /(?:^|[-_.])(?:workers?|cron|scheduler|queue|consumer|jobs?|beat|sidekiq|migrat\w*|seed|init|setup)(?:$|[-_.\d])/;
const workerCommand =
  /\bcelery\b(?!.*\bflower\b)|\bsidekiq\b|\brq\s+worker|queue:(?:work|listen)|schedule:(?:work|run)|\bhorizon\b|\bdramatiq\b|\bhuey\b|\bcrond?\b|\bmigrate\b|\bdb:(?:migrate|seed)|\bupgrade\s+head\b|\bsleep\s+(?:infinity|\d+)|tail\s+-f\s+\/dev\/null|\bcreatebuckets?\b/;
const serverName = /(?:^|[-_.])(?:api|backend|server|service|auth|graphql|admin|dashboard)(?:$|[-_.\d])/;
const otherPorts = new Set<Port>([
  20, 21, 22, 25, 53, 110, 143, 465, 587, 1025, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 9092, 11211,
  27017,
]);
const tlsPorts = new Set<Port>([443, 8443, 9443]);
/** Debuggers, live reload, gRPC and FastCGI: beside them there is something else, or nothing for a browser. */
const sidePorts = new Set<Port>([2345, 5005, 5858, 9222, 9229, 9230, 24678, 35729, 40000, 50051]);
const commonPorts = new Set<Port>([80, 3000, 3001, 4173, 4200, 5000, 5173, 8000, 8080, 8081, 8888]);

/** Where a service speaks HTTP in its container; undefined where nothing says that it does. */
export function httpPortOf(service: Service, mentions: Mentions, all: readonly Service[]): HttpPort | undefined {
  if (service.isEdge || service.isOneShot || service.hints?.networkMode === 'none') return undefined;
  const found = spokenPort(service, mentions, all);
  // pages that nobody says a port of are served by the edge, or by the image that camp writes for them
  return found ?? (service.start?.kind === 'static' ? at(8080) : undefined);
}

function spokenPort(service: Service, mentions: Mentions, all: readonly Service[]): HttpPort | undefined {
  const labelled = labelledPort(service);
  if (labelled) return labelled;
  const built = imageOf(service, all);
  const facts = factsOf(service, built);
  const declared = declaredPorts(service);
  if (facts && !speaksHttp(facts)) return besideOf(facts, service);
  const asked = mentions.asked.get(service.name) ?? [];
  const evidence = [...asked, ...ownWord(service)];
  const fromDeclared = choose(declared, evidence, facts, healthPorts(service));
  if (fromDeclared) return fromDeclared;
  if (declared.some((port) => otherPorts.has(port))) return undefined;
  if (asked[0]) return asked[0];
  if (isWorker(service, all)) return undefined;
  const spoken = evidence[0] ?? healthPorts(service)[0];
  if (spoken) return spoken;
  return fromImage(built, facts) ?? guess(service, all);
}

function at(port: Port): HttpPort {
  return { port, scheme: tlsPorts.has(port) ? 'https' : 'http' };
}

export function declaredPorts({ ports, expose }: Service): readonly Port[] {
  const published = ports.filter(({ protocol }) => protocol === 'tcp').map(({ container }) => container);
  return [...new Set([...published, ...expose])].filter((port) => port > 0);
}

/** The image's Dockerfile: its own, or that of the service which builds the image that this one only uses. */
function imageOf(service: Service, all: readonly Service[]): BuiltImage | undefined {
  if (service.build) return builtImageOf(service);
  const builder = service.image && all.find((other) => other.build && other.image === service.image);
  return builder ? builtImageOf(builder) : undefined;
}

/** What is known about the image, or about the one that it is built on. */
export function factsOf({ image, build }: Service, built: BuiltImage | undefined): ImageFacts | undefined {
  if (built?.base !== undefined) return imageFacts(built.base);
  return image !== undefined && !build ? imageFacts(image) : undefined;
}

/** A database or broker gets a name for its published console only; a built image may hold a web server beside it. */
function besideOf(facts: ImageFacts, service: Service): HttpPort | undefined {
  const published = service.ports.filter(({ protocol }) => protocol === 'tcp').map(({ container }) => container);
  const found =
    facts.extraHttpPorts.find((port) => published.includes(port)) ??
    (service.build ? published.find((port) => commonPorts.has(port) && port !== facts.port) : undefined);
  return found === undefined ? undefined : at(found);
}

/** Traefik's, nginx-proxy's and caddy-docker-proxy's own words for a service's port. */
function labelledPort(service: Service): HttpPort | undefined {
  const { env } = service;
  const labels = Object.entries(service.hints?.labels ?? {});
  const value = (pattern: RegExp): string | undefined => labels.find(([name]) => pattern.test(name))?.[1];
  const written =
    value(/^traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port$/i) ??
    value(/^traefik\.port$/i) ??
    /\{\{\s*upstreams\s+(?:https?\s+)?(\d+)\s*\}\}/.exec(value(/^caddy(?:_\d+)?\..*reverse_proxy$/i) ?? '')?.[1] ??
    env['VIRTUAL_PORT'];
  const port = portOf(written) ?? (env['VIRTUAL_HOST'] ? virtualPort(declaredPorts(service)) : undefined);
  if (port === undefined) return undefined;
  const isTls =
    value(/^traefik\.http\.services\.[^.]+\.loadbalancer\.server\.scheme$/i) === 'https' ||
    env['VIRTUAL_PROTO'] === 'https';
  return isTls ? { port, scheme: 'https' } : at(port);
}

/** As nginx-proxy takes it: the one port that there is, else 80. */
function virtualPort(declared: readonly Port[]): Port | undefined {
  return declared.length === 1 ? declared[0] : declared.find((port) => port === 80);
}

const portVariables = [
  'PORT',
  'HTTP_PORT',
  'APP_PORT',
  'SERVER_PORT',
  'WEB_PORT',
  'LISTEN_PORT',
  'UVICORN_PORT',
  'FLASK_RUN_PORT',
  'NITRO_PORT',
  'ASPNETCORE_HTTP_PORTS',
  'GF_SERVER_HTTP_PORT',
  'KC_HTTP_PORT',
  'QUARKUS_HTTP_PORT',
  'ROCKET_PORT',
];
const addressVariables = ['ASPNETCORE_URLS', 'LISTEN_ADDR', 'HTTP_ADDR', 'BIND', 'GUNICORN_BIND', 'ADDRESS'];

/** Ports that the service's own environment or command tells it to serve on. */
function ownWord({ env, hints }: Pick<Service, 'env' | 'hints'>): readonly HttpPort[] {
  const named = portVariables.map((name) => portOf(env[name]));
  const bound = addressVariables.map((name) => portOf(/:(\d{1,5})(?:[/;]|$)/.exec(env[name] ?? '')?.[1]));
  return [...named, ...bound, commandPort(hints?.command ?? [])].flatMap((port) =>
    port === undefined || otherPorts.has(port) ? [] : [at(port)],
  );
}

/** `--port 8000`, `-b 0.0.0.0:8000`, `http.server 8000`, `runserver 0.0.0.0:8000`, `PORT=3000 node …`. */
function commandPort(command: readonly string[]): Port | undefined {
  const line = command.join(' ');
  const found =
    /(?:^|\s)(?:--(?:http-|web-|listen-|server-)?port|-p|-P)[=\s]+(\d{2,5})\b/.exec(line) ??
    /(?:^|\s)(?:--(?:bind|listen|host|address|addr|http)|-b|-l|-a)[=\s]+(?:[a-z]+:\/\/)?[\w.*[\]:]*:(\d{2,5})\b/.exec(
      line,
    ) ??
    /\bhttp\.server\s+(\d{2,5})\b/.exec(line) ??
    /\brunserver(?:_plus)?\s+(?:[\w.[\]:]*:)?(\d{2,5})\b/.exec(line) ??
    /(?:^|\s)(?:php|rails)\b.*\s-S\s+[\w.]+:(\d{2,5})\b/.exec(line) ??
    /(?:^|\s)PORT=(\d{2,5})\b/.exec(line);
  return portOf(found?.[1]);
}

type Spoken = Pick<Service, 'env' | 'hints'> & { readonly name?: string };

/** Ports that a health check asks by HTTP; `imageTest` is that of an image, where the file has none. */
function healthPorts({ hints, env, name }: Spoken, imageTest?: string): readonly HttpPort[] {
  const test = hints?.healthTest ?? imageTest ?? '';
  if (test === '') return [];
  const own = [name, ...(hints?.aliases ?? [])].flatMap((each) => (each ? each.replace(/[.]/g, '\\$&') : []));
  const local = `(?:${['localhost', String.raw`127\.0\.0\.1`, String.raw`0\.0\.0\.0`, String.raw`\[::1\]`, ...own].join('|')})`;
  const port = String.raw`(?::(\d{1,5}|\$\{?\w+(?::-\d+)?\}?))?(?![\w.-])`;
  const urls = [...test.matchAll(new RegExp(`(https?)://${local}${port}`, 'g'))];
  const bare = /\b(?:curl|wget)\b/.test(test)
    ? [...test.matchAll(new RegExp(String.raw`(?:^|\s)()${local}${port}(?=[/\s]|$)`, 'g'))]
    : [];
  const byShell = /\bHTTP\/1/.test(test) ? [...test.matchAll(/()\/dev\/tcp\/[\w.]+\/(\d{1,5})\b/g)] : [];
  return [...urls, ...bare, ...byShell].flatMap(([, scheme, written]) => {
    const variable = /^\$\{?(\w+)(?::-(\d+))?/.exec(written ?? '');
    const text = variable ? (env[variable[1] ?? ''] ?? variable[2]) : (written ?? (scheme === 'https' ? '443' : '80'));
    const found = portOf(text);
    return found === undefined ? [] : [{ port: found, scheme: scheme === 'https' ? 'https' : 'http' }];
  });
}

/** The likeliest of the ports that are declared. */
function choose(
  declared: readonly Port[],
  evidence: readonly HttpPort[],
  facts: ImageFacts | undefined,
  health: readonly HttpPort[],
): HttpPort | undefined {
  const proven = [...evidence, ...health].find(({ port }) => declared.includes(port));
  const usual = declared.filter((port) => !otherPorts.has(port) && !sidePorts.has(port) && !tlsPorts.has(port));
  if (facts && declared.includes(facts.port)) return proven?.port === facts.port ? proven : at(facts.port);
  const extra = facts?.extraHttpPorts.find((port) => declared.includes(port));
  if (extra !== undefined && usual.every((port) => port === extra)) return at(extra);
  if (usual.length > 1) {
    const told = evidence.find(({ port }) => usual.includes(port));
    const common = usual.find((port) => commonPorts.has(port));
    if (told) return told;
    if (common !== undefined) return at(common);
    return health.find(({ port }) => usual.includes(port)) ?? at(usual[0] ?? 80);
  }
  if (usual[0] !== undefined) return proven?.port === usual[0] ? proven : at(usual[0]);
  if (proven) return proven;
  const tls = declared.find((port) => tlsPorts.has(port));
  return tls === undefined ? undefined : at(tls);
}

/** It waits for work, or is only another command of an image whose web server is a service of its own. */
function isWorker(service: Service, all: readonly Service[]): boolean {
  if (workerName.test(service.name)) return true;
  const line = (service.hints?.command ?? []).join(' ');
  if (line === '' || commandPort(service.hints?.command ?? []) !== undefined) return false;
  if (workerCommand.test(line)) return true;
  if (healthPorts(service).length > 0) return false;
  return all.some((other) => other !== service && isSameImage(other, service) && declaredPorts(other).length > 0);
}

function isSameImage(one: Service, other: Service): boolean {
  if (one.image !== undefined && one.image === other.image && (one.build || other.build)) return true;
  return (
    one.build !== undefined &&
    one.build.context === other.build?.context &&
    one.build.dockerfile === other.build.dockerfile &&
    one.hints?.buildTarget === other.hints?.buildTarget
  );
}

/** What the image itself says: EXPOSE, its environment, its command, its health check. */
function fromImage(built: BuiltImage | undefined, facts: ImageFacts | undefined): HttpPort | undefined {
  if (built) {
    const own = { env: built.env, hints: { command: built.command } };
    const evidence = ownWord(own);
    const health = healthPorts(own, built.healthTest);
    const exposed = choose(built.exposed, evidence, facts, health);
    if (exposed) return exposed;
    if (built.exposed.some((port) => otherPorts.has(port))) return undefined;
    const spoken = evidence[0] ?? health[0];
    if (spoken) return spoken;
  }
  return facts && at(facts.port);
}

/** Nothing names a port: 8080, where a service is called like one that people open. */
function guess(service: Service, all: readonly Service[]): HttpPort | undefined {
  if (!service.build) return undefined;
  const isOnly = all.filter((other) => !other.isEdge && !other.isOneShot).length === 1;
  const isLikely =
    isOnly || service.health?.probe.kind === 'http' || serverName.test(service.name) || isFrontName(service.name);
  return isLikely ? at(8080) : undefined;
}

/** What looks like the page that people open first, the likeliest first. */
export const frontNames = ['web', 'frontend', 'front', 'app', 'www', 'ui', 'client', 'site', 'gateway'];

function isFrontName(name: string): boolean {
  return name.split(/[-_.]/).some((word) => frontNames.includes(word));
}

function portOf(text: string | undefined): Port | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port > 0 && port <= 65535 ? port : undefined;
}
