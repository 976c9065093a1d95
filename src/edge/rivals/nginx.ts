import {
  balancedGroups,
  commonHeaders,
  compressible,
  hasFiles,
  indented,
  isCompressed,
  isProxied,
  keyOf,
} from './layout.ts';
import { written } from './texts.ts';
import type { Deployment, HeaderChange, Host, Pattern, Rendered, RequestValue, Rule, Site, Text } from './types.ts';

export interface NginxInput extends Deployment {
  /** `1.22.1`; how HTTP/2 is switched on depends on it. Absent: a current one. */
  readonly version?: string;
  /** nginx's own table of media types. */
  readonly mimeTypes: string;
}

/** https://nginx.org/en/docs/http/ngx_http_core_module.html#variables */
const variables: Readonly<Record<RequestValue, string>> = {
  host: '$host',
  'host-and-port': '$http_host',
  'path-and-query': '$request_uri',
  path: '$uri',
  scheme: '$scheme',
  client: '$remote_addr',
};

/** Caddy's policies by nginx's directive; round robin is what nginx does by itself. */
const policies: Readonly<Record<string, string | undefined>> = {
  round_robin: '',
  least_conn: 'least_conn;',
  ip_hash: 'ip_hash;',
  random: 'random;',
  uri_hash: 'hash $request_uri;',
};

/**
 * Headers that tell a service who asked what, and let WebSockets through. A client's own X-Forwarded-* are replaced, as
 * Caddy does: nobody before this server is trusted.
 */
const forwarded = [
  'proxy_set_header Host $http_host;',
  'proxy_set_header X-Forwarded-For $remote_addr;',
  'proxy_set_header X-Forwarded-Host $http_host;',
  'proxy_set_header X-Forwarded-Proto $scheme;',
  'proxy_set_header Upgrade $http_upgrade;',
  'proxy_set_header Connection $connection_upgrade;',
];

/** A whole nginx.conf for the site, the smallest that serves it alike. */
export function renderNginx(site: Site, input: NginxInput): Rendered {
  const problems = problemsOf(site);
  if (problems.length > 0) return { refused: problems };
  const omitted = omittedHeaders(site);
  const groups = balancedGroups(site);
  const blocks = [
    generalLines(site, input),
    ...upstreamBlocks(groups),
    ...redirectBlock(site, input),
    ...site.hosts.map((host) => serverBlock(host, input, groups)),
  ];
  const http = blocks.flatMap((block) => indented(block, '\t'));
  return { text: ['events {', '}', 'http {', ...http, '}', ''].join('\n'), omitted };
}

function problemsOf(site: Site): readonly string[] {
  const rules = site.hosts.flatMap(({ rules: own }) => own);
  const unknown = rules.flatMap(({ action }) =>
    action.kind === 'proxy' &&
    action.upstreams.addresses.length > 1 &&
    action.upstreams.policy !== undefined &&
    policies[action.upstreams.policy] === undefined
      ? [`lb_policy ${action.upstreams.policy}`]
      : [],
  );
  const isDollar = (text: Text): boolean => text.some((part) => typeof part === 'string' && part.includes('$'));
  const texts = rules.flatMap(({ headers, action }) => [
    ...headers.map(({ value }) => value),
    ...(action.kind === 'proxy' ? action.requestHeaders.map(({ value }) => value) : []),
    ...(action.kind === 'redirect' ? [action.to] : []),
    ...(action.kind === 'respond' ? [[action.body]] : []),
  ]);
  return [
    ...new Set([...unknown, ...(texts.some(isDollar) ? ['a text with a dollar sign, which nginx cannot quote'] : [])]),
  ];
}

/** nginx shows its own Server header without an added module. */
function omittedHeaders(site: Site): readonly string[] {
  const all = site.hosts.flatMap(({ rules }) => rules.flatMap(({ headers }) => headers));
  return all.some(isServer) ? ['header -Server'] : [];
}

function isServer({ name }: HeaderChange): boolean {
  return name.toLowerCase() === 'server';
}

function generalLines(site: Site, input: NginxInput): string[] {
  const isTls = site.hosts.some((host) => host.isTls);
  return [
    ...(hasFiles(site) ? [`include ${input.mimeTypes};`] : []),
    ...(isTls
      ? [
          `ssl_certificate ${input.certificate};`,
          `ssl_certificate_key ${input.key};`,
          'ssl_protocols TLSv1.2 TLSv1.3;',
          ...(isNew(input.version) ? ['http2 on;'] : []),
        ]
      : []),
    ...(isCompressed(site) ? ['gzip on;', `gzip_types ${compressible.join(' ')};`] : []),
    ...(isProxied(site)
      ? [
          'map $http_upgrade $connection_upgrade {',
          '\tdefault upgrade;',
          '\t"" close;',
          '}',
          'proxy_http_version 1.1;',
          ...forwarded,
        ]
      : []),
  ];
}

/** `http2 on` since 1.25.1; before it is a word of `listen`. */
function isNew(version: string | undefined): boolean {
  const [major = 1, minor = 27, patch = 0] = (version ?? '').split('.').filter(Boolean).map(Number);
  return major > 1 || minor > 25 || (minor === 25 && patch >= 1);
}

function upstreamBlocks(groups: ReadonlyMap<string, string>): string[][] {
  return [...groups].map(([key, name]) => {
    const { addresses, policy } = JSON.parse(key) as {
      readonly addresses: readonly string[];
      readonly policy?: string;
    };
    const balancing = policies[policy ?? 'round_robin'];
    return [
      `upstream ${name} {`,
      ...(balancing ? [`\t${balancing}`] : []),
      ...addresses.map((address) => `\tserver ${address};`),
      '}',
    ];
  });
}

function redirectBlock(site: Site, { http, https }: Deployment): string[][] {
  const names = site.hosts.filter(({ isRedirected }) => isRedirected).flatMap((host) => host.names);
  if (names.length === 0) return [];
  const port = https === 443 ? '' : `:${https}`;
  return [
    [
      'server {',
      `\tlisten 127.0.0.1:${http};`,
      `\tserver_name ${names.join(' ')};`,
      `\treturn 308 https://$host${port}$request_uri;`,
      '}',
    ],
  ];
}

function serverBlock(host: Host, input: NginxInput, groups: ReadonlyMap<string, string>): string[] {
  const listen = host.isTls
    ? `listen 127.0.0.1:${input.https} ssl${isNew(input.version) ? '' : ' http2'};`
    : `listen 127.0.0.1:${input.http};`;
  const common = commonHeaders(host);
  const locations = host.rules.flatMap((rule) => location(rule, host.rules.length === 1, common, groups));
  return [
    'server {',
    `\t${listen}`,
    ...(host.names.length > 0 ? [`\tserver_name ${host.names.join(' ')};`] : []),
    ...indented(headerLines(common), '\t'),
    ...indented(locations, '\t'),
    '}',
  ];
}

function location(
  rule: Rule,
  isOnly: boolean,
  common: readonly HeaderChange[],
  groups: ReadonlyMap<string, string>,
): string[] {
  const isAll = rule.pattern.kind === 'prefix' && rule.pattern.path === '/';
  if (isOnly && isAll && rule.action.kind !== 'proxy') return actionLines(rule, groups);
  // Headers of a location are instead of those around it.
  const headers = rule.headers.length > common.length ? headerLines(rule.headers) : [];
  return [`location ${matcher(rule.pattern)} {`, ...indented([...headers, ...actionLines(rule, groups)], '\t'), '}'];
}

function matcher({ kind, path }: Pattern): string {
  return kind === 'exact' ? `= ${path}` : path;
}

function headerLines(headers: readonly HeaderChange[]): string[] {
  return headers
    .filter((change) => !isServer(change))
    .map(({ how, name, value }) =>
      how === 'delete' ? `proxy_hide_header ${name};` : `add_header ${name} ${textOf(value)} always;`,
    );
}

function actionLines(rule: Rule, groups: ReadonlyMap<string, string>): string[] {
  const { action, strip, pattern } = rule;
  switch (action.kind) {
    case 'redirect':
      return [`return ${action.status} ${textOf(action.to)};`];
    case 'respond':
      return [action.body === '' ? `return ${action.status};` : `return ${action.status} ${quoted(action.body)};`];
    case 'files':
      return [
        strip === '' ? `root ${path(action.root)};` : `alias ${path(aliased(action.root, pattern, strip))};`,
        ...(action.isListed ? ['autoindex on;'] : []),
        ...(action.fallback === undefined ? [] : [`try_files $uri ${strip}${action.fallback};`]),
        ...(action.hasHidden ? ['location ~ /\\.(?!well-known/) {', '\treturn 404;', '}'] : []),
      ];
    case 'proxy': {
      const group = groups.get(keyOf(action.upstreams)) ?? action.upstreams.addresses[0] ?? '';
      const isWhole = strip !== '' && pattern.kind === 'prefix' && pattern.path === `${strip}/`;
      return [
        // What a location sets is instead of what is set around it.
        ...(action.requestHeaders.length > 0 ? requestLines(action.requestHeaders) : []),
        ...(action.isUnbuffered ? ['proxy_buffering off;'] : []),
        ...(strip === '' || isWhole ? [] : [`rewrite ^${strip.replace(/\./g, '\\.')}/?(.*)$ /$1 break;`]),
        `proxy_pass http://${group}${isWhole ? '/' : ''};`,
      ];
    }
  }
}

/** An alias stands for all that the location matches. */
function aliased(root: string, { path: matched }: Pattern, strip: string): string {
  const rest = matched.slice(strip.length);
  return `${root.replace(/\/$/, '')}${rest}`;
}

function requestLines(changes: readonly HeaderChange[]): string[] {
  const own = new Set(changes.map(({ name }) => name.toLowerCase()));
  const kept = forwarded.filter((line) => !own.has((line.split(' ')[1] ?? '').toLowerCase()));
  return [
    ...kept,
    ...changes.map(({ how, name, value }) => `proxy_set_header ${name} ${how === 'delete' ? '""' : textOf(value)};`),
  ];
}

function textOf(text: Text): string {
  return `"${written(text, escaped, variables)}"`;
}

function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

function escaped(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function path(text: string): string {
  return text.includes(' ') ? quoted(text) : text;
}
