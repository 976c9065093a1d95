import { headerLine, isServer, requestHeaders, responseHeaders } from './apache-headers.ts';
import { isInexpressible, quoted, target } from './apache-texts.ts';
import {
  balancedGroups,
  commonHeaders,
  compressible,
  hasFiles,
  indented,
  isCompressed,
  isProxied,
  keyOf,
  rulesIn,
} from './layout.ts';
import { contains, expressionOf } from './patterns.ts';
import type { Deployment, Host, Rendered, Rule, Site, Text } from './types.ts';

export interface ApacheInput extends Deployment {
  /** The folder of `mod_ssl.so` and the others. */
  readonly modules: string;
  /** Modules that this Apache has without loading them: `mod_so.c`. */
  readonly builtIn: ReadonlySet<string>;
  /** `mime.types` */
  readonly mimeTypes: string;
}

/** Caddy's policies by Apache's balancing methods. */
const methods: Readonly<Record<string, string | undefined>> = {
  round_robin: 'byrequests',
  least_conn: 'bybusyness',
};

/** A whole httpd.conf for the site, the smallest that serves it alike; Apache 2.4.47 or newer. */
export function renderApache(site: Site, input: ApacheInput): Rendered {
  const problems = problemsOf(site);
  if (problems.length > 0) return { refused: problems };
  const groups = balancedGroups(site);
  const listens = [
    ...(site.hosts.some(({ isTls }) => isTls) ? [input.https] : []),
    ...(site.hosts.some(({ isTls, isRedirected }) => !isTls || isRedirected) ? [input.http] : []),
  ];
  const lines = [
    ...modulesOf(site)
      .filter((name) => !input.builtIn.has(`mod_${name}.c`))
      .map((name) => `LoadModule ${name}_module ${input.modules}/mod_${name}.so`),
    ...listens.map((port) => `Listen 127.0.0.1:${port}`),
    ...(hasFiles(site) ? [`TypesConfig ${input.mimeTypes}`] : []),
    ...generalLines(site, input),
    ...balancerBlocks(site, groups),
    ...redirectBlock(site, input),
    ...site.hosts.flatMap((host) => hostBlock(host, input, groups)),
  ];
  return { text: `${lines.join('\n')}\n`, omitted: omittedHeaders(site) };
}

function problemsOf(site: Site): readonly string[] {
  const rules = rulesIn(site);
  const policies = rules.flatMap(({ action }) =>
    action.kind === 'proxy' &&
    action.upstreams.addresses.length > 1 &&
    action.upstreams.policy !== undefined &&
    methods[action.upstreams.policy] === undefined
      ? [`lb_policy ${action.upstreams.policy}`]
      : [],
  );
  const headers = rules.flatMap(({ headers: own, action }) => [
    ...own,
    ...(action.kind === 'proxy' ? action.requestHeaders : []),
  ]);
  const isDynamic = headers.some(({ value }) => isInexpressible(value));
  const isNoText = rules.some(({ action }) => action.kind === 'respond' && /[\n$%\\]|^(\/|https?:)/.test(action.body));
  const literals = JSON.stringify(site.hosts).includes('${');
  const names = site.hosts.filter((host) => host.names.length === 0);
  const rest = rules.filter(({ action }) => action.kind === 'redirect' && queryIsLost(action.to));
  return [
    ...new Set([
      ...policies,
      ...(isDynamic ? ['a header with a placeholder'] : []),
      ...(isNoText ? ['respond with a text that Apache would take for an expression, a place or two lines'] : []),
      ...(literals ? ['a text with ${, which Apache reads its environment in'] : []),
      ...(names.length > 0 ? ['a site without a name'] : []),
      ...(rest.length > 0 ? ['redir to the path without the query'] : []),
    ]),
  ];
}

/** Apache keeps the query of a redirect unless the target has one. */
function queryIsLost(to: Text): boolean {
  return to.some((part) => typeof part !== 'string' && part.value === 'path');
}

function omittedHeaders(site: Site): readonly string[] {
  return rulesIn(site).some(({ headers }) => headers.some(isServer)) ? ['header -Server'] : [];
}

/** Only what the lines below need, in the order in which they may be loaded. */
function modulesOf(site: Site): readonly string[] {
  const rules = rulesIn(site);
  const isTls = site.hosts.some((host) => host.isTls);
  const isProxy = isProxied(site);
  const isFiles = hasFiles(site);
  const hasGroups = balancedGroups(site).size > 0;
  const policies = rules.flatMap(({ action }) => (action.kind === 'proxy' ? [action.upstreams] : []));
  const used = policies
    .filter(({ addresses }) => addresses.length > 1)
    .map(({ policy }) => methods[policy ?? 'round_robin'] ?? 'byrequests');
  const needsAlias = rules.some(({ action, strip }) => action.kind === 'files' && (action.hasHidden || strip !== ''));
  const hasHeaders = rules.some(({ headers }) => headers.length > 0);
  const isListed = rules.some(({ action }) => action.kind === 'files' && action.isListed);
  return [
    'mpm_event',
    'authz_core',
    ...(isTls ? ['ssl', 'http2'] : []),
    ...(needsRewrite(site) ? ['rewrite'] : []),
    ...(isProxy || hasHeaders ? ['headers'] : []),
    ...(isFiles ? ['mime', 'dir'] : []),
    ...(isListed ? ['autoindex'] : []),
    ...(needsAlias ? ['alias'] : []),
    ...(isCompressed(site) ? ['filter', 'deflate'] : []),
    ...(isProxy ? ['proxy', 'proxy_http'] : []),
    ...(hasGroups
      ? ['slotmem_shm', 'proxy_balancer', ...[...new Set(used)].map((method) => `lbmethod_${method}`)]
      : []),
  ];
}

function needsRewrite(site: Site): boolean {
  return (
    site.hosts.some(({ isRedirected }) => isRedirected) ||
    rulesIn(site).some(({ action }) => action.kind === 'redirect' || action.kind === 'respond')
  );
}

function generalLines(site: Site, input: Deployment): string[] {
  const isTls = site.hosts.some((host) => host.isTls);
  return [
    ...(isTls
      ? [
          'Protocols h2 http/1.1',
          'SSLProtocol -all +TLSv1.2 +TLSv1.3',
          `SSLCertificateFile ${quoted(input.certificate)}`,
          `SSLCertificateKeyFile ${quoted(input.key)}`,
        ]
      : []),
    ...(isCompressed(site) ? [`AddOutputFilterByType DEFLATE text/html ${compressed.join(' ')}`] : []),
    ...(isProxied(site)
      ? [
          'ProxyPreserveHost On',
          // Apache appends to what a client sends: nobody before this server is trusted.
          'RequestHeader unset X-Forwarded-For',
          'RequestHeader unset X-Forwarded-Host',
          'RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}',
        ]
      : []),
  ];
}

/** Apache's own table knows JavaScript by one type only. */
const compressed = compressible.filter((type) => type !== 'application/javascript');

function balancerBlocks(site: Site, groups: ReadonlyMap<string, string>): string[] {
  const proxies = rulesIn(site).flatMap(({ action }) => (action.kind === 'proxy' ? [action] : []));
  const unbuffered = new Set(proxies.flatMap((each) => (each.isUnbuffered ? [keyOf(each.upstreams)] : [])));
  return [...groups].flatMap(([key, name]) => {
    const { addresses, policy } = JSON.parse(key) as {
      readonly addresses: readonly string[];
      readonly policy?: string;
    };
    const method = methods[policy ?? 'round_robin'];
    return [
      `<Proxy "balancer://${name}">`,
      ...addresses.map(
        (address) =>
          `    BalancerMember http://${address} upgrade=websocket${unbuffered.has(key) ? ' flushpackets=on' : ''}`,
      ),
      ...(method === 'byrequests' ? [] : [`    ProxySet lbmethod=${method}`]),
      '</Proxy>',
    ];
  });
}

function redirectBlock(site: Site, { http, https }: Deployment): string[] {
  const names = site.hosts.filter(({ isRedirected }) => isRedirected).flatMap((host) => host.names);
  if (names.length === 0) return [];
  const port = https === 443 ? '' : `:${https}`;
  return [
    `<VirtualHost *:${http}>`,
    ...indented(nameLines(names), '    '),
    '    RewriteEngine On',
    `    RewriteRule ^ https://%{SERVER_NAME}${port}%{REQUEST_URI} [R=308,L]`,
    '</VirtualHost>',
  ];
}

function nameLines(names: readonly string[]): string[] {
  const [first = '', ...rest] = [...names].sort((a, b) => Number(a.startsWith('*')) - Number(b.startsWith('*')));
  // A server's name cannot be a pattern: one below it stands in its place.
  const isPattern = first.startsWith('*.');
  const aliases = isPattern ? [first, ...rest] : rest;
  return [
    `ServerName ${isPattern ? `www.${first.slice(2)}` : first}`,
    ...(aliases.length > 0 ? [`ServerAlias ${aliases.join(' ')}`] : []),
  ];
}

function hostBlock(host: Host, input: Deployment, groups: ReadonlyMap<string, string>): string[] {
  const common = commonHeaders(host);
  const rewrites = rewriteLines(host);
  const isRewriting = rewrites.some((line) => !line.endsWith(' - [L]'));
  return [
    `<VirtualHost *:${host.isTls ? input.https : input.http}>`,
    ...indented(
      [
        ...nameLines(host.names),
        ...(host.isTls ? ['SSLEngine On'] : []),
        ...common.flatMap((change) => headerLine(change, '')),
        ...responseHeaders(host),
        ...host.rules.flatMap((rule) => requestHeaders(rule, host)),
        ...(isRewriting ? ['RewriteEngine On', ...rewrites] : []),
        ...errorDocuments(host),
        ...host.rules.flatMap((rule) => mappingLines(rule, host, groups)),
      ],
      '    ',
    ),
    '</VirtualHost>',
  ];
}

/** Redirects and own answers, before everything else; what an earlier rule answers is let through. */
function rewriteLines(host: Host): string[] {
  const isOwn = ({ action }: Rule): boolean => action.kind === 'redirect' || action.kind === 'respond';
  return host.rules.flatMap((rule, i) => {
    const expression = expressionOf(rule.pattern);
    const { action } = rule;
    if (action.kind === 'redirect')
      return [`RewriteRule ${quoted(expression)} ${quoted(target(action.to))} [R=${action.status},L]`];
    if (action.kind === 'respond') return [`RewriteRule ${quoted(expression)} - [R=${action.status},L]`];
    const isBefore = host.rules.slice(i + 1).some((later) => isOwn(later) && contains(later.pattern, rule.pattern));
    return isBefore ? [`RewriteRule ${quoted(expression)} - [L]`] : [];
  });
}

/** The body of an answer is the document of its status, at its place. */
function errorDocuments(host: Host): string[] {
  return host.rules.flatMap(({ action, pattern }) => {
    if (action.kind !== 'respond' || action.body === '') return [];
    const document = `ErrorDocument ${action.status} ${quoted(action.body)}`;
    if (host.rules.length === 1) return [document];
    return [`<LocationMatch ${quoted(expressionOf(pattern))}>`, `    ${document}`, '</LocationMatch>'];
  });
}

function mappingLines(rule: Rule, host: Host, groups: ReadonlyMap<string, string>): string[] {
  const { action, pattern, strip } = rule;
  const later = host.rules.slice(host.rules.indexOf(rule) + 1);
  const isBeforeProxy = later.some((other) => other.action.kind === 'proxy' && contains(other.pattern, rule.pattern));
  switch (action.kind) {
    case 'redirect':
    case 'respond':
      return isBeforeProxy ? [`ProxyPassMatch ${quoted(expressionOf(pattern))} !`] : [];
    case 'files':
      return [
        ...(isBeforeProxy ? [`ProxyPassMatch ${quoted(expressionOf(pattern))} !`] : []),
        ...fileLines(rule, host),
      ];
    case 'proxy': {
      const group = groups.get(keyOf(action.upstreams));
      const to = group === undefined ? `http://${action.upstreams.addresses[0] ?? ''}` : `balancer://${group}`;
      const options = [
        // Of a group its members have them.
        ...(group === undefined ? ['upgrade=websocket', ...(action.isUnbuffered ? ['flushpackets=on'] : [])] : []),
      ];
      const line = (directive: string, from: string, target: string): string =>
        [directive, quoted(from), quoted(target), ...options].join(' ');
      if (pattern.kind === 'prefix' && pattern.path.endsWith('/') && (strip === '' || pattern.path === `${strip}/`))
        return [line('ProxyPass', pattern.path, `${to}${strip === '' ? pattern.path : '/'}`)];
      const expression = strip === '' ? `^(${expressionOf(pattern, '.*').slice(1)})` : `^${strip}/?(.*)`;
      return [line('ProxyPassMatch', expression.replace('$)', ')$'), `${to}${strip === '' ? '' : '/'}$1`)];
    }
  }
}

function fileLines({ action, pattern, strip }: Rule, host: Host): string[] {
  if (action.kind !== 'files') return [];
  const root = action.root.replace(/(?<=.)\/$/, '');
  const isSite = strip === '' && pattern.path === '/';
  // Alias and DocumentRoot know no path that is not the folder's own.
  const folder = isSite || strip === '' ? root : `${root}${pattern.path.slice(strip.length)}`;
  const options = [
    ...(action.isListed ? ['Options +Indexes'] : []),
    ...(action.fallback === undefined ? [] : [`FallbackResource ${strip}${action.fallback}`]),
  ];
  const isNested = host.rules.some((other) => other.action.kind === 'files' && other.pattern.path !== pattern.path);
  const hidden = `RedirectMatch 404 ${quoted(`${isNested || !isSite ? `^${pattern.path.replace(/\/$/, '')}(/.*)?` : ''}/\\.(?!well-known/)`)}`;
  return [
    strip === '' ? `DocumentRoot ${quoted(root)}` : `Alias ${quoted(pattern.path)} ${quoted(folder)}`,
    ...(options.length > 0 ? [`<Directory ${quoted(root)}>`, ...indented(options, '    '), '</Directory>'] : []),
    ...(action.hasHidden ? [hidden] : []),
  ];
}
