import { type Directive, type Site, sitesOf } from './caddy-sites.ts';
import type { Token } from './caddy-tokens.ts';
import { behindLine, type Edit, insertLines, problemAt, sourceAt } from './edit.ts';

/** How a service is to be reached: below a path of the project's site, or on a site of its own. */
export interface RouteAddition {
  readonly service: string;
  /** The port inside its container. */
  readonly port: number;
  /** `shop.localhost`, for a file that names the site so, and for a site that is still missing. */
  readonly domain: string;
  /** `/orders`, `/` for everything else on the site; or `host` for `orders.<domain>`. */
  readonly at: { readonly path: string } | { readonly host: string };
  /** For positions in problems. Default `Caddyfile`. */
  readonly file?: string;
}

/**
 * Adds a route to a Caddyfile by inserting lines; every other byte stays. Unchanged where the service is
 * routed already. Problems: CADDYFILE_INVALID where the text cannot be read, ROUTE_TAKEN,
 * CADDYFILE_NOT_EDITABLE where the result, read again, does not route the service.
 */
export function addRoute(text: string, addition: RouteAddition): Edit {
  const edit = insertRoute(text, addition);
  if (!('text' in edit) || routeOf(edit.text, addition.service) !== undefined) return edit;
  const message = 'the file is laid out in a way that camp cannot add a route to';
  return problemAt(
    sourceAt(addition.file ?? 'Caddyfile', text, 0),
    'CADDYFILE_NOT_EDITABLE',
    message,
    `add the line ${proxyLine(addition, '/')}`,
  );
}

function insertRoute(text: string, addition: RouteAddition): Edit {
  const file = addition.file ?? 'Caddyfile';
  const read = sitesOf(text);
  if ('misread' in read)
    return problemAt(
      sourceAt(file, text, read.misread.offset),
      'CADDYFILE_INVALID',
      read.misread.message,
      `caddy validate --adapter caddyfile --config ${file}`,
    );
  if (read.sites.some((site) => findProxies(site.body, addition.service).length > 0)) return { unchanged: true };
  if ('host' in addition.at) return addSite(text, read.sites, addition, addition.at.host);
  const site = siteFor(read.sites, addition.domain);
  if (!site)
    return { text: withSite(text, `{$CAMP_DOMAIN:${addition.domain}}`, [proxyLine(addition, addition.at.path)]) };
  const taken = takenBy(site.body, addition.at.path);
  if (taken) {
    const source = sourceAt(file, text, taken.name.start, taken.end - taken.name.start);
    const isFront = addition.at.path === '/';
    const what = isFront ? 'the front page of this site' : `${addition.at.path}/*`;
    const hint = isFront
      ? 'remove that line and run the command again, or use --route /a/path or --host'
      : '--route /another/path, or --host';
    return problemAt(
      { ...source, length: Math.min(source.length ?? 1, (source.text ?? '').length) },
      'ROUTE_TAKEN',
      `${what} is already served by ${taken.name.text}`,
      hint,
    );
  }
  return { text: insertInto(text, site, addition, addition.at.path) };
}

/** The path below which a service is reached (`/api/orders`; empty on a site or route of its own), or undefined where it is not routed. */
export function routeOf(text: string, service: string): string | undefined {
  const read = sitesOf(text);
  if ('misread' in read) return undefined;
  for (const site of read.sites) {
    const [found] = findProxies(site.body, service);
    if (found) return found.prefix;
  }
  return undefined;
}

interface Proxy {
  readonly directive: Directive;
  readonly prefix: string;
}

function findProxies(body: readonly Directive[], service: string, prefix = ''): readonly Proxy[] {
  return body.flatMap((directive): readonly Proxy[] => {
    const matcher = matcherOf(directive);
    const own = matcher?.startsWith('/') ? matcher.replace(/\/?\*$/, '') : '';
    if (directive.name.text === 'reverse_proxy') {
      const to = (directive.block ?? []).filter((line) => line.name.text === 'to').flatMap((line) => line.args);
      const upstreams = [...directive.args.slice(matcher === undefined ? 0 : 1), ...to];
      return upstreams.some((upstream) => hostOf(upstream) === service) ? [{ directive, prefix: prefix || own }] : [];
    }
    const strips = directive.name.text === 'handle_path';
    return directive.block ? findProxies(directive.block, service, strips ? '' : prefix || own) : [];
  });
}

/** The host of an upstream: `orders` of `orders:8080`, `http://orders:8080`. */
function hostOf(upstream: Token): string {
  return upstream.text.replace(/^[a-z0-9]+:\/\//, '').replace(/[:/].*$/, '');
}

/** Directives that answer and so end a request. Caddy's own order puts those of the first set before reverse_proxy. */
const beforeProxy: ReadonlySet<string> = new Set([
  'redir',
  'handle',
  'handle_path',
  'route',
  'abort',
  'error',
  'respond',
]);
const answering: ReadonlySet<string> = new Set([
  ...beforeProxy,
  'reverse_proxy',
  'php_fastcgi',
  'file_server',
  'acme_server',
]);

/** The matcher of a directive: a path, `*` or `@name` in the first place. */
function matcherOf(directive: Directive): string | undefined {
  const [first] = directive.args;
  return first && /^[/*@]/.test(first.text) && !first.isQuoted ? first.text : undefined;
}

function isCatchAll(directive: Directive): boolean {
  const matcher = matcherOf(directive);
  return matcher === undefined || matcher === '*' || matcher === '/*';
}

function takenBy(body: readonly Directive[], path: string): Directive | undefined {
  const answers = body.filter((directive) => answering.has(directive.name.text));
  if (path === '/') return answers.find((directive) => isCatchAll(directive) || matcherOf(directive) === '/');
  return answers.find((directive) => [path, `${path}*`, `${path}/*`].includes(matcherOf(directive) ?? ''));
}

/** The site of the project: the one at CAMP_DOMAIN or the domain itself, else the first of the file. */
function siteFor(sites: readonly Site[], domain: string): Site | undefined {
  const bare = (token: Token) =>
    token.text
      .replace(/,$/, '')
      .replace(/^https?:\/\//, '')
      .replace(/:\d+$/, '');
  return (
    sites.find((site) =>
      site.addresses.some((token) => bare(token).startsWith('{$CAMP_DOMAIN') || bare(token) === domain),
    ) ??
    sites.find((site) => site.addresses.some((token) => token.text.includes('{$CAMP_DOMAIN'))) ??
    sites[0]
  );
}

function insertInto(text: string, site: Site, addition: RouteAddition, path: string): string {
  const sibling = site.body.findLast((line) => line.name.text === 'reverse_proxy') ?? site.body.at(-1);
  const indent = sibling
    ? indentAt(text, sibling.name.start)
    : site.close
      ? `${indentAt(text, site.close.start)}\t`
      : '';
  // A catch-all that Caddy puts before reverse_proxy would swallow the request: handle comes before all of them.
  const swallows = path !== '/' && site.body.some((line) => beforeProxy.has(line.name.text) && isCatchAll(line));
  const step = indent.startsWith(' ') ? indent : '\t';
  const lines = swallows
    ? [`${indent}handle ${path}/* {`, `${indent}${step}${proxyLine(addition, '/')}`, `${indent}}`]
    : [indent + proxyLine(addition, path)];
  const anchor = sibling?.end ?? site.open?.end ?? site.addresses.at(-1)?.end ?? text.length;
  const offset = behindLine(text, anchor);
  // The brace that closes the site may stand on the very line of the anchor.
  if (site.close && site.close.start < offset) return insertLines(text, site.close.start, [...lines, '']);
  return insertLines(text, offset, lines);
}

function proxyLine(addition: RouteAddition, path: string): string {
  return `reverse_proxy ${path === '/' ? '' : `${path}/* `}${addition.service}:${addition.port}`;
}

function indentAt(text: string, offset: number): string {
  const begin = text.lastIndexOf('\n', offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(begin, offset).replace(/^\uFEFF/, ''))?.[0] ?? '';
}

function addSite(text: string, sites: readonly Site[], addition: RouteAddition, host: string): Edit {
  const address = `${host}.{$CAMP_DOMAIN:${addition.domain}}`;
  const lone = sites.find((site) => !site.open);
  if (lone) {
    const source = sourceAt(addition.file ?? 'Caddyfile', text, lone.addresses[0]?.start ?? 0);
    return problemAt(
      source,
      'CADDYFILE_INVALID',
      'this site has no braces, so no second one can follow',
      'put { behind the address and } at the end of the file',
    );
  }
  const same = sites.flatMap((site) => site.addresses).find((token) => token.text.replace(/,$/, '') === address);
  if (same)
    return problemAt(
      sourceAt(addition.file ?? 'Caddyfile', text, same.start, same.text.length),
      'ROUTE_TAKEN',
      `${address} is already a site`,
      '--route /a/path',
    );
  const first = sites[0]?.body[0];
  return { text: withSite(text, address, [proxyLine(addition, '/')], first ? indentAt(text, first.name.start) : '\t') };
}

function withSite(text: string, address: string, body: readonly string[], indent = '\t'): string {
  const blank = text.trim() === '' || /\n\r?\n$/.test(text) ? [] : [''];
  return insertLines(text, text.length, [
    ...blank,
    `${address} {`,
    ...body.map((line) => (indent || '\t') + line),
    '}',
  ]);
}
