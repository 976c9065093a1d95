import { entriesOf, isObject, type Json, type JsonObject, objectsOf, stringsOf } from '../json.ts';
import { textOf } from './texts.ts';
import type { Action, HeaderChange } from './types.ts';

/** What was met that no other server is told: collected by name, so that nothing is dropped in silence. */
export interface Losses {
  refuse(what: string): void;
  omit(what: string): void;
}

/** Names of handlers in a Caddyfile, where they are others. */
const directives: Readonly<Record<string, string>> = {
  authentication: 'basic_auth',
  request_body: 'request_body',
  invoke: 'invoke',
  error: 'error',
  map: 'map',
  templates: 'templates',
  push: 'push',
  acme_server: 'acme_server',
  metrics: 'metrics',
  tracing: 'tracing',
  intercept: 'intercept',
  copy_response: 'copy_response',
};

export function directiveOf(handler: JsonObject): string {
  const name = String(handler.handler);
  return directives[name] ?? name;
}

/** Refuses each key of the object that is not among those that are carried over. */
function onlyKeys(object: JsonObject, known: readonly string[], where: string, losses: Losses): void {
  for (const [key, value] of Object.entries(object))
    if (value !== undefined && !known.includes(key)) losses.refuse(`${where} ${key}`);
}

/** `header` and `request_header`: `set`, `add` and `delete` by name. */
export function headerChanges(ops: Json | undefined, where: string, losses: Losses): readonly HeaderChange[] {
  if (!isObject(ops)) return [];
  onlyKeys(ops, ['set', 'add', 'delete', 'deferred'], where, losses);
  const text = (value: string) => textOf(value, (name) => losses.refuse(`${where} with {${name}}`));
  const changes = (['set', 'add'] as const).flatMap((how) =>
    Object.entries(isObject(ops[how]) ? ops[how] : {}).flatMap(([name, values]) =>
      stringsOf(values).map((value): HeaderChange => ({ how, name, value: text(value) })),
    ),
  );
  const deleted = stringsOf(ops.delete).map((name): HeaderChange => ({ how: 'delete', name, value: [] }));
  for (const { name } of [...changes, ...deleted])
    if (!/^[A-Za-z0-9_-]+$/.test(name)) losses.refuse(`${where} ${name}`);
  return [...changes, ...deleted];
}

/** Key under which the services stand that a handler's upstreams belonged to. */
export const servicesKey = 'camp services';

/** A reverse_proxy whose upstreams are addresses already. */
export function proxyOf(handler: JsonObject, losses: Losses): Action {
  const where = 'reverse_proxy';
  const known = ['handler', 'upstreams', 'load_balancing', 'headers', 'health_checks', 'flush_interval', servicesKey];
  onlyKeys(handler, known, where, losses);
  const services = stringsOf(handler[servicesKey]);
  const upstreams = objectsOf(handler.upstreams);
  for (const upstream of upstreams) {
    onlyKeys(upstream, ['dial'], 'an upstream with', losses);
    if (!/^[A-Za-z0-9.-]+:\d+$/.test(String(upstream.dial))) losses.refuse(`the upstream ${String(upstream.dial)}`);
  }
  if (upstreams.length === 0) losses.refuse(`${where} without a running replica (${services.join(', ') || 'dynamic'})`);
  const headers = isObject(handler.headers) ? handler.headers : {};
  if (headers.response !== undefined) losses.refuse(`${where} header_down`);
  omitFailover(handler, losses);
  const policy = policyOf(handler, losses);
  if (handler.flush_interval !== undefined && handler.flush_interval !== -1)
    losses.omit(`flush_interval ${String(handler.flush_interval)}`);
  return {
    kind: 'proxy',
    upstreams: {
      name: services.join('_') || 'upstream',
      addresses: upstreams.map((upstream) => String(upstream.dial)),
      ...(policy === undefined ? {} : { policy }),
    },
    requestHeaders: headerChanges(headers.request, 'header_up', losses),
    isUnbuffered: handler.flush_interval === -1,
  };
}

function policyOf(handler: JsonObject, losses: Losses): string | undefined {
  const balancing = isObject(handler.load_balancing) ? handler.load_balancing : {};
  if (!isObject(balancing.selection_policy)) return undefined;
  const { policy, ...rest } = balancing.selection_policy;
  for (const key of Object.keys(rest)) losses.refuse(`lb_policy ${String(policy)} with ${key}`);
  return String(policy);
}

/** What only shows when an upstream fails: the others have ways of their own, which are left as they are. */
function omitFailover(handler: JsonObject, losses: Losses): void {
  const balancing = isObject(handler.load_balancing) ? handler.load_balancing : {};
  for (const key of Object.keys(balancing)) if (key !== 'selection_policy') losses.omit(`lb_${key}`);
  for (const [kind] of entriesOf(handler.health_checks)) losses.omit(`${kind} health checks`);
}

export function filesOf(
  handler: JsonObject,
  root: string | undefined,
  fallback: string | undefined,
  losses: Losses,
): Action {
  onlyKeys(handler, ['handler', 'root', 'hide', 'browse', 'index_names'], 'file_server', losses);
  const own = typeof handler.root === 'string' ? handler.root : root;
  if (own === undefined) losses.refuse('file_server without a root');
  else if (!/^[A-Za-z0-9/._~+@=, -]+$/.test(own)) losses.refuse(`the root ${own}`);
  if (isObject(handler.browse) && Object.keys(handler.browse).length > 0) losses.refuse('browse with a template');
  if (handler.index_names !== undefined) losses.refuse('file_server index');
  // The Caddyfile itself is hidden by Caddy, wherever it lies.
  const hidden = stringsOf(handler.hide).filter((name) => !/(^|\/)(Caddyfile|-|\.\*)$/.test(name));
  for (const name of hidden) losses.refuse(`file_server hide ${name}`);
  return {
    kind: 'files',
    root: own ?? '',
    isListed: handler.browse !== undefined,
    hasHidden: stringsOf(handler.hide).includes('.*'),
    ...(fallback === undefined ? {} : { fallback }),
  };
}

/** `respond`, `redir`; `abort` and `error` are refused. */
export function answerOf(handler: JsonObject, losses: Losses): Action {
  onlyKeys(handler, ['handler', 'status_code', 'body', 'headers'], 'respond', losses);
  const status = Number(handler.status_code ?? 200);
  if (!Number.isInteger(status)) losses.refuse(`respond with status ${String(handler.status_code)}`);
  const headers = isObject(handler.headers) ? handler.headers : {};
  const [to] = stringsOf(headers.Location);
  for (const name of Object.keys(headers)) if (name !== 'Location') losses.refuse(`respond with the header ${name}`);
  if (to !== undefined) {
    if (status < 300 || status > 399) losses.refuse(`redir with status ${status}`);
    return { kind: 'redirect', to: textOf(to, (name) => losses.refuse(`redir to {${name}}`)), status };
  }
  const body = typeof handler.body === 'string' ? handler.body : '';
  if (/\{[a-z][a-z0-9_.-]*\}/i.test(body)) losses.refuse('respond with a placeholder');
  if (/[^\n\t\x20-\x7e\u00a0-\uffff]/.test(body)) losses.refuse('respond with a control character');
  return { kind: 'respond', body, status };
}
