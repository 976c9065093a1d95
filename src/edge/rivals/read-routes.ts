import { isObject, type Json, type JsonObject, objectsOf, stringsOf } from '../json.ts';
import { both, contains, everything, patternOf } from './patterns.ts';
import { answerOf, directiveOf, filesOf, headerChanges, type Losses, proxyOf } from './read-handler.ts';
import type { Action, HeaderChange, Pattern, Rule } from './types.ts';

/** What earlier handlers have made of a request when it gets here. */
interface Here {
  readonly pattern: Pattern;
  readonly strip: string;
  readonly changes: readonly Change[];
}

/** One thing that a handler does to all that comes after it, for some paths. */
interface Change {
  readonly pattern: Pattern;
  readonly what:
    | { readonly kind: 'header'; readonly changes: readonly HeaderChange[] }
    | { readonly kind: 'request-header'; readonly changes: readonly HeaderChange[] }
    | { readonly kind: 'compressed' }
    | { readonly kind: 'root'; readonly root: string }
    | { readonly kind: 'fallback'; readonly path: string };
}

/**
 * The routes of one host as a flat list in which the first match answers. Caddy's routes are steps that each request
 * goes through; here each step that answers becomes a rule, with all that the steps before it have done.
 */
export function rulesOf(routes: Json | undefined, losses: Losses): readonly Rule[] {
  const rules: Rule[] = [];
  readList(routes, { pattern: everything, strip: '', changes: [] }, rules, losses);
  return reachable(rules);
}

/** A rule that an earlier one answers for altogether is none; what is left is in order of specificity. */
function reachable(rules: readonly Rule[]): readonly Rule[] {
  return rules.filter((rule, i) => !rules.slice(0, i).some((earlier) => contains(earlier.pattern, rule.pattern)));
}

function readList(routes: Json | undefined, from: Here, rules: Rule[], losses: Losses): Here {
  let here = from;
  for (const route of objectsOf(routes)) {
    const patterns = patternsOf(route.match, here, losses);
    const tried = triedFile(route);
    if (tried !== undefined) {
      const [pattern = here.pattern] = patterns;
      here = changed(here, pattern, { kind: 'fallback', path: tried });
      continue;
    }
    for (const pattern of patterns) here = readHandlers(route, { ...here, pattern }, here, rules, losses);
  }
  return here;
}

/** Returns what the routes after this one begin with. */
function readHandlers(route: JsonObject, inside: Here, outside: Here, rules: Rule[], losses: Losses): Here {
  let inner = inside;
  let outer = outside;
  const change = (what: Change['what']): void => {
    inner = changed(inner, inner.pattern, what);
    outer = changed(outer, inner.pattern, what);
  };
  for (const handler of objectsOf(route.handle)) {
    switch (handler.handler) {
      case 'subroute': {
        if (handler.errors !== undefined) losses.refuse('handle_errors');
        const before = rules.length;
        const after = readList(handler.routes, inner, rules, losses);
        // `handle` keeps a request, answered or not; what it does to one that goes on is not followed.
        const isKept = route.group !== undefined || after.strip !== inner.strip;
        if (isKept && !rules.slice(before).some(({ pattern }) => contains(pattern, inner.pattern)))
          losses.refuse(`a block for ${inner.pattern.path} that does not answer every request`);
        for (const each of after.changes.slice(inner.changes.length))
          outer = { ...outer, changes: [...outer.changes, each] };
        break;
      }
      case 'rewrite': {
        const { handler: _, strip_path_prefix: prefix, ...rest } = handler;
        for (const key of Object.keys(rest)) losses.refuse(key === 'uri' ? 'rewrite' : `uri ${key}`);
        if (typeof prefix !== 'string') break;
        if (!patternOf(prefix)) losses.refuse(`uri strip_prefix ${prefix}`);
        if (objectsOf(route.match).length > 0) losses.refuse('uri strip_prefix with a matcher');
        inner = { ...inner, strip: inner.strip + prefix };
        outer = { ...outer, strip: outer.strip + prefix };
        break;
      }
      case 'vars': {
        for (const [key, value] of Object.entries(handler))
          if (key === 'root' && typeof value === 'string') change({ kind: 'root', root: value });
          else if (key !== 'handler') losses.omit(`vars ${key}`);
        break;
      }
      case 'headers': {
        const response = headerChanges(isObject(handler.response) ? handler.response : undefined, 'header', losses);
        if (isObject(handler.response) && handler.response.require) losses.refuse('header with a condition');
        if (response.length > 0) change({ kind: 'header', changes: response });
        const request = headerChanges(handler.request, 'request_header', losses);
        if (request.length > 0) change({ kind: 'request-header', changes: request });
        break;
      }
      case 'encode': {
        const encodings = Object.keys(isObject(handler.encodings) ? handler.encodings : {});
        for (const name of encodings) if (name !== 'gzip') losses.omit(`encode ${name}`);
        if (encodings.includes('gzip')) change({ kind: 'compressed' });
        break;
      }
      case 'reverse_proxy':
        rules.push(...answered(proxyOf(handler, losses), inner, losses));
        break;
      case 'file_server': {
        const own = typeof handler.strip === 'string' ? handler.strip : '';
        const { strip: _, ...rest } = handler;
        const there = { ...inner, strip: inner.strip + own };
        const { root, fallback } = stateOf(there);
        rules.push(...answered(filesOf(rest, root, fallback, losses), there, losses));
        break;
      }
      case 'static_response':
        if (handler.abort === true) losses.refuse('abort');
        rules.push(...answered(answerOf(handler, losses), inner, losses));
        break;
      case 'log_append':
        losses.omit('log_append');
        break;
      default:
        losses.refuse(directiveOf(handler));
    }
  }
  return outer;
}

function changed(here: Here, pattern: Pattern, what: Change['what']): Here {
  return { ...here, changes: [...here.changes, { pattern, what }] };
}

/** Alternatives of a matcher, narrowed to where the route stands; anything but a path is refused. */
function patternsOf(match: Json | undefined, here: Here, losses: Losses): readonly Pattern[] {
  const sets = objectsOf(match);
  if (sets.length === 0) return [here.pattern];
  return sets.flatMap((set) => {
    const { path, file: _, ...rest } = set;
    for (const name of Object.keys(rest)) losses.refuse(`the matcher ${name}`);
    if (path === undefined) return [here.pattern];
    return stringsOf(path).flatMap((text) => {
      const pattern = patternOf(text);
      if (!pattern) losses.refuse(`the path ${text}`);
      if (!pattern) return [];
      const whole =
        pattern === everything && here.strip === '' ? pattern : { ...pattern, path: here.strip + pattern.path };
      return both(here.pattern, whole) ?? [];
    });
  });
}

/** The last of `try_files {path} /index.html`; undefined for any other route. What else it could be is refused as a matcher. */
function triedFile(route: JsonObject): string | undefined {
  const [set] = objectsOf(route.match);
  const [handler] = objectsOf(route.handle);
  if (!isObject(set?.file) || handler?.uri !== '{http.matchers.file.relative}') return undefined;
  const [first, last = '', ...rest] = stringsOf(set.file.try_files);
  const isPlain = first === '{http.request.uri.path}' && rest.length === 0 && patternOf(last)?.kind === 'exact';
  return isPlain && Object.keys(set.file).length === 1 ? last : undefined;
}

interface State {
  readonly headers: readonly HeaderChange[];
  readonly requestHeaders: readonly HeaderChange[];
  readonly isCompressed: boolean;
  readonly root?: string;
  readonly fallback?: string;
}

function stateOf(here: Here): State {
  const there = here.changes.filter(({ pattern }) => contains(pattern, here.pattern)).map(({ what }) => what);
  const root = there.findLast((what) => what.kind === 'root')?.root;
  const fallback = there.findLast((what) => what.kind === 'fallback')?.path;
  return {
    headers: there.flatMap((what) => (what.kind === 'header' ? what.changes : [])),
    requestHeaders: there.flatMap((what) => (what.kind === 'request-header' ? what.changes : [])),
    isCompressed: there.some(({ kind }) => kind === 'compressed'),
    ...(root === undefined ? {} : { root }),
    ...(fallback === undefined ? {} : { fallback }),
  };
}

/** One rule, and one more for each narrower path for which something else was done before. */
function answered(action: Action, here: Here, losses: Losses): readonly Rule[] {
  const narrower = here.changes
    .map(({ pattern }) => both(pattern, here.pattern))
    .filter((pattern) => pattern !== undefined)
    .filter((pattern) => !contains(pattern, here.pattern))
    .sort((a, b) => b.path.length - a.path.length || Number(a.kind === 'prefix') - Number(b.kind === 'prefix'));
  return [...narrower, here.pattern].map((pattern) => {
    const state = stateOf({ ...here, pattern });
    if (action.kind === 'files' && state.root !== undefined && state.root !== stateOf(here).root)
      losses.refuse(`root for ${pattern.path} only`);
    if (state.fallback !== undefined && action.kind === 'proxy') losses.refuse('try_files before reverse_proxy');
    return {
      pattern,
      strip: here.strip,
      headers: state.headers,
      isCompressed: state.isCompressed,
      action:
        action.kind === 'proxy'
          ? { ...action, requestHeaders: [...state.requestHeaders, ...action.requestHeaders] }
          : action,
    };
  });
}
