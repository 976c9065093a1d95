import { commonHeaders, indented, isCompressed, scopedHeaders } from './layout.ts';
import { contains } from './patterns.ts';
import { written } from './texts.ts';
import type { HeaderChange, Host, Pattern, Rendered, RequestValue, Rule, Site, Text } from './types.ts';

const placeholders: Readonly<Record<RequestValue, string>> = {
  host: '{host}',
  'host-and-port': '{hostport}',
  'path-and-query': '{uri}',
  path: '{path}',
  scheme: '{scheme}',
  client: '{remote_host}',
};

/** In which order Caddy carries out directives without a block around them. */
const order: readonly Rule['action']['kind'][] = ['redirect', 'respond', 'proxy', 'files'];

/**
 * A Caddyfile for a Caddy without camp: addresses in the place of names, and what camp adds so that a visitor does not
 * notice an upstream that has ended.
 */
export function renderCaddyfile(site: Site): Rendered {
  // Caddy would read its environment in the place of it.
  if (JSON.stringify(site.hosts).includes('{$')) return { refused: ['a text with {$'] };
  const blocks = site.hosts.map((host) => siteBlock(host, isCompressed({ ...site, hosts: [host] })));
  return { text: `${blocks.map((lines) => lines.join('\n')).join('\n')}\n`, omitted: [] };
}

function siteBlock(host: Host, isEncoded: boolean): string[] {
  const names = host.names.map((name) => (host.isTls ? name : `http://${name}`));
  const common = commonHeaders(host);
  const isBlocks = isInBlocks(host);
  const outside = scopedHeaders(host).filter(({ except }) => except.length === 0);
  return [
    `${names.join(', ') || 'http://'} {`,
    ...indented(
      [
        ...(isEncoded ? ['encode gzip'] : []),
        ...common.map((change) => header('header', change)),
        ...outside.map(({ rule, change }) => header(`header${matcher(rule.pattern)}`, change)),
        ...host.rules.flatMap((rule) =>
          isBlocks ? ruleBlock(rule, insideOf(rule, host)) : actionLines(rule, rule.pattern),
        ),
      ],
      '\t',
    ),
    '}',
  ];
}

/** Without blocks Caddy's own order decides, which is not always that of the rules. */
function isInBlocks(host: Host): boolean {
  const ranks = host.rules.map(({ action }) => order.indexOf(action.kind));
  return (
    ranks.some((rank, i) => rank < (ranks[i - 1] ?? 0)) ||
    host.rules.some(
      (rule) =>
        rule.strip !== '' || insideOf(rule, host).length > 0 || (rule.action.kind === 'files' && !isAlone(rule, host)),
    )
  );
}

/** Its root and what it does with paths would be every rule's. */
function isAlone({ action, pattern }: Rule, { rules }: Host): boolean {
  if (rules.length === 1) return true;
  const isOnly = rules.filter((other) => other.action.kind === 'files').length === 1;
  return isOnly && pattern.path === '/' && action.kind === 'files' && action.fallback === undefined;
}

/** Headers that a matcher at the top would give to other rules too. */
function insideOf(rule: Rule, host: Host): readonly HeaderChange[] {
  const scoped = scopedHeaders(host).filter(({ except }) => except.length > 0);
  return scoped
    .filter((each) => contains(each.rule.pattern, rule.pattern) && !each.except.includes(rule))
    .map(({ change }) => change);
}

function ruleBlock(rule: Rule, inside: readonly HeaderChange[]): string[] {
  const own = inside.map((change) => header('header', change));
  const { pattern, strip } = rule;
  const isWhole = pattern.kind === 'prefix' && (pattern.path === `${strip}/` || pattern.path === strip);
  const opening = strip !== '' && isWhole ? `handle_path${matcher(pattern)}` : `handle${matcher(pattern)}`;
  return [
    `${opening} {`,
    ...indented(
      [
        ...(strip !== '' && !isWhole ? [`uri strip_prefix ${strip}`] : []),
        ...own,
        ...actionLines(rule, { kind: 'prefix', path: '/' }),
      ],
      '\t',
    ),
    '}',
  ];
}

function actionLines({ action }: Rule, pattern: Pattern): string[] {
  const at = matcher(pattern);
  switch (action.kind) {
    case 'redirect':
      return [`redir${at} ${textOf(action.to)} ${action.status}`];
    case 'respond':
      return [`respond${at} ${quoted(action.body)} ${action.status}`];
    case 'files': {
      const options = [...(action.hasHidden ? ['\thide .*'] : []), ...(action.isListed ? ['\tbrowse'] : [])];
      return [
        `root * ${quoted(action.root)}`,
        ...(action.fallback === undefined ? [] : [`try_files {path} ${action.fallback}`]),
        ...(options.length > 0 ? ['file_server {', ...options, '}'] : ['file_server']),
      ];
    }
    case 'proxy': {
      const { addresses, policy } = action.upstreams;
      const options = [
        ...(policy === undefined || addresses.length < 2 ? [] : [`lb_policy ${policy}`]),
        // Else every second request would find a replica that has ended.
        ...(addresses.length < 2 ? [] : ['lb_try_duration 5s', 'fail_duration 1s']),
        ...(action.isUnbuffered ? ['flush_interval -1'] : []),
        ...action.requestHeaders.map((change) => header('header_up', change)),
      ];
      const first = `reverse_proxy${at} ${addresses.join(' ')}`;
      return options.length === 0 ? [first] : [`${first} {`, ...indented(options, '\t'), '}'];
    }
  }
}

function matcher({ kind, path }: Pattern): string {
  if (kind === 'prefix' && path === '/') return '';
  return ` ${path}${kind === 'prefix' ? '*' : ''}`;
}

function header(directive: string, { how, name, value }: HeaderChange): string {
  if (how === 'delete') return `${directive} -${name}`;
  return `${directive} ${how === 'add' ? '+' : ''}${name} ${textOf(value)}`;
}

function textOf(text: Text): string {
  return text.length === 1 && typeof text[0] === 'object'
    ? placeholders[text[0].value]
    : quoted(written(text, (part) => part, placeholders));
}

function quoted(text: string): string {
  return /^[A-Za-z0-9/:._~+@=,{}?&-]+$/.test(text) ? text : `"${escaped(text)}"`;
}

function escaped(text: string): string {
  return text.replace(/[\\"]/g, '\\$&');
}
