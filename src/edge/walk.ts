import { isObject, type Json, type JsonObject, objectsOf, stringsOf } from './json.ts';

/** Where in the configuration a handler stands: what a request must look like to reach it. */
export interface Place {
  /** Absent where every host reaches it. */
  readonly hosts?: readonly string[];
  /** Path of a URL that reaches it: `/api/orders/`; empty at the root of the site; absent where no one path can be named. */
  readonly path?: string;
  /** What earlier handlers (`handle_path`, `uri strip_prefix`) have cut off the path already. */
  readonly stripped: string;
  /** The innermost matcher's path prefix that is still on the request: `/docs`. */
  readonly prefix: string;
  /** Whether a plain GET of the path might not get here: a header, a method, an expression decides too. */
  readonly isConditional: boolean;
}

export const everywhere: Place = { path: '', stripped: '', prefix: '', isConditional: false };

/** Return `false` to keep the walk out of the handler's own routes. */
// biome-ignore lint/suspicious/noConfusingVoidType: most visitors return nothing at all, which undefined would forbid
export type Visit = (handler: JsonObject, place: Place) => boolean | undefined | void;

/** Visits every handler of a list of routes, at any depth, in the order of the text. */
export function walkRoutes(routes: Json | undefined, place: Place, visit: Visit): void {
  let here = place;
  for (const route of objectsOf(routes)) {
    let inner = narrow(here, objectsOf(route.match));
    for (const handler of objectsOf(route.handle)) {
      if (typeof handler.strip_path_prefix === 'string') {
        inner = strip(inner, handler.strip_path_prefix);
        if (!route.match) here = strip(here, handler.strip_path_prefix);
      }
      if (visit(handler, inner) !== false) walkNested(handler, inner, visit);
    }
  }
}

/** Routes lie in subroutes, in `handle_response` and in error routes: whatever is called `routes`. */
function walkNested(node: Json | undefined, place: Place, visit: Visit): void {
  if (Array.isArray(node)) {
    for (const item of node) walkNested(item, place, visit);
  } else if (isObject(node)) {
    for (const [key, value] of Object.entries(node)) {
      if (key === 'routes') walkRoutes(value, place, visit);
      else walkNested(value, place, visit);
    }
  }
}

function strip(place: Place, prefix: string): Place {
  return { ...place, stripped: place.stripped + prefix, prefix: '' };
}

/** Sets of matchers are alternatives: the one that depends on the least names the place. */
function narrow(place: Place, sets: readonly JsonObject[]): Place {
  const [first] = [...sets].sort((a, b) => Number(isConditional(a)) - Number(isConditional(b)));
  if (!first) return place;
  const hosts = sets.flatMap((set) => stringsOf(set.host));
  // `php_fastcgi` rewrites every path to one that ends so: any path of the site gets there.
  const patterns = stringsOf(first.path).filter((pattern) => pattern !== '*.php');
  const pattern = patterns.find((candidate) => pathOf(candidate) !== undefined);
  const path =
    patterns.length === 0 ? place.path : pattern === undefined ? undefined : place.stripped + (pathOf(pattern) ?? '');
  return {
    ...(hosts.length > 0 ? { hosts } : place.hosts ? { hosts: place.hosts } : {}),
    ...(path === undefined ? {} : { path }),
    stripped: place.stripped,
    prefix: patterns.length === 0 ? place.prefix : pattern === undefined ? '' : prefixOf(pattern),
    isConditional: place.isConditional || isConditional(first, path),
  };
}

function isConditional(set: JsonObject, path = ''): boolean {
  return Object.entries(set).some(([matcher, value]) => {
    if (matcher === 'host' || matcher === 'path') return false;
    if (matcher === 'method') return !stringsOf(value).includes('GET');
    if (matcher === 'not') return !objectsOf(value).every((excluded) => isOutside(excluded, path || '/'));
    return true;
  });
}

/** Whether a GET of the path is certainly not what an excluded set of matchers describes. */
function isOutside(excluded: JsonObject, path: string): boolean {
  const methods = stringsOf(excluded.method);
  if (methods.length > 0 && !methods.includes('GET')) return true;
  const patterns = stringsOf(excluded.path);
  return patterns.length > 0 && !patterns.some((pattern) => matches(pattern, path));
}

function matches(pattern: string, path: string): boolean {
  const parts = pattern
    .toLowerCase()
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(path.toLowerCase());
}

/** A path that the pattern matches, for a URL: `/api/*` gives `/api/`, `/api*` gives `/api`. */
function pathOf(pattern: string): string | undefined {
  const open = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
  if (open === '' || open === '/') return '';
  return open.includes('*') || open.includes('{') ? undefined : open;
}

function prefixOf(pattern: string): string {
  const open = pattern.endsWith('/*') ? pattern.slice(0, -2) : pattern.endsWith('*') ? pattern.slice(0, -1) : '';
  return open.endsWith('/') ? open.slice(0, -1) : open;
}
