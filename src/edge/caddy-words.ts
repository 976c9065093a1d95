import { directives, globalOptions, matchers, policies, subdirectives } from './directives.ts';

/** What Caddy says of a Caddyfile, taken apart. */
export interface Complaint {
  /** In plain words. */
  readonly message: string;
  /** The word in the text that it is about. */
  readonly token?: string;
  /** Names that might have been meant. */
  readonly candidates: readonly string[];
  /** Where Caddy says it is; the line may be a later one than the token's. */
  readonly file?: string;
  readonly line?: number;
  /** Whether it is about the last place where the token stands (a repetition). */
  readonly isAboutLast?: boolean;
  /** The structure is broken: whatever else could be said would follow from it. */
  readonly isStructural?: boolean;
  /** What to do. */
  readonly hint: string;
}

interface Rule {
  readonly pattern: RegExp;
  say(token: string, directive: string, rest: string): string;
  readonly candidates?: readonly string[];
  readonly isAboutLast?: boolean;
  readonly isStructural?: boolean;
  /** The word to look for, where it is not what the pattern captures. */
  readonly token?: string;
  /** What to do. */
  readonly hint: string;
}

const lists = 'https://caddyserver.com/docs/caddyfile';

/** Source: caddyserver/caddy v2.11.4, caddyconfig/caddyfile/{dispenser,parse}.go and caddyconfig/httpcaddyfile. */
const rules: readonly Rule[] = [
  {
    pattern: /unrecognized directive: (\S+)/,
    hint: `${lists}/directives lists all`,
    say: (token) => `unknown directive "${token}"`,
    candidates: directives,
  },
  {
    pattern: /unrecognized global option: (\S+)/,
    hint: `${lists}/options lists all`,
    say: (token) => `unknown global option "${token}"`,
    candidates: globalOptions,
  },
  {
    pattern: /(?:unrecognized|unknown) (?:\w+ )?(?:subdirective|option|parameter):? '?([^\s',]+)/,
    hint: `${lists}/directives lists the options of each directive`,
    say: (token, directive) => `unknown option "${token}"${directive ? ` of ${directive}` : ''}`,
    candidates: subdirectives,
  },
  {
    pattern: /wrong argument count or unexpected line ending after '(.*?)'/,
    hint: 'add the missing value, or remove what is too much; a value with spaces goes in quotes',
    say: (token) => `"${token}" has too few or too many values here`,
  },
  {
    pattern: /module not registered: http\.matchers\.(\S+)/,
    hint: `${lists}/matchers lists all`,
    say: (token) => `unknown matcher "${token}"`,
    candidates: matchers,
  },
  {
    pattern: /module not registered: http\.reverse_proxy\.selection_policies\.(\S+)/,
    hint: `${lists}/directives/reverse_proxy#load-balancing lists all`,
    say: (token) => `unknown load balancing policy "${token}"`,
    candidates: policies,
  },
  {
    pattern: /module not registered: \S*?([^.\s]+)$/,
    hint: 'use one that caddy list-modules names',
    say: (token) => `this Caddy has no module "${token}"`,
  },
  {
    pattern: /File to import not found: (.+)/,
    hint: 'correct the path, which begins at the folder of the Caddyfile, or remove the line',
    say: (token) => `"${token}" cannot be imported: there is no such file or snippet`,
  },
  {
    pattern: /ambiguous site definition: (\S+)/,
    hint: 'put the lines of both into one block',
    say: (token) => `the site ${token} is defined twice`,
    isAboutLast: true,
  },
  {
    pattern: /unrecognized matcher name: (\S+)/,
    hint: 'define it in the same site, in a line that begins with its name',
    say: (token) => `the matcher ${token} is not defined`,
  },
  {
    pattern: /Site addresses cannot end with a curly brace: '(.+?)'/,
    hint: 'put a space before the brace',
    say: (token) => `a space is missing before the brace in "${token}"`,
  },
  {
    pattern: /parsing upstream '(.+?)': (.+)/,
    hint: 'write it like api:8080, without a path',
    say: (token, _, rest) => `"${token}" is not an upstream: ${rest}`,
  },
  {
    pattern: /bad duration value '?(\S+?)'?: /,
    hint: 'write a number with a unit: 500ms, 10s, 5m',
    say: (token) => `"${token}" is not a duration`,
  },
  {
    pattern: /port (\d+) is out of range/,
    hint: 'write a number from 1 to 65535',
    say: (token) => `port ${token} is out of range (1 to 65535)`,
  },
  {
    pattern: /invalid port '(.+?)'/,
    hint: 'write a number from 1 to 65535',
    say: (token) => `"${token}" is not a port`,
  },
  {
    pattern: /unsupported URL scheme (\S+)/,
    hint: 'write https://, http:// or nothing before the name',
    say: (token) => `a site cannot be served as ${token}`,
  },
  {
    pattern: /unexpected token '([^'\n]*)\n/,
    hint: 'close the quote in the line where the text begins',
    say: () => 'a closing quote is missing',
    isStructural: true,
  },
  {
    pattern: /unexpected token '([^']*)'?, expecting '}'/,
    hint: 'put a } on a line of its own at the end of the block',
    say: () => 'a closing brace } is missing',
    isStructural: true,
  },
  {
    pattern: /unexpected EOF/,
    hint: 'close what is open; every } stands on a line of its own',
    say: () =>
      'the file ends in the middle: a closing brace } or quote is missing, or a } does not stand on a line of its own',
    isStructural: true,
  },
  {
    pattern: /^EOF$/,
    hint: 'write a site, or delete the file and camp serves every service',
    say: () => 'the Caddyfile is empty',
  },
  {
    pattern: /subject does not qualify for certificate: '(\})'/,
    hint: 'remove one }',
    say: () => 'there is one closing brace } too many',
    isAboutLast: true,
    isStructural: true,
  },
  {
    pattern: /subject does not qualify for certificate: '(.+?)'/,
    hint: 'a site begins with its address and a brace: shop.localhost {',
    say: (token) => `"${token}" cannot be the name of a site`,
  },
  {
    pattern: /(server block without any key) is global configuration/,
    token: '{',
    isAboutLast: true,
    isStructural: true,
    hint: 'move the block to the top of the file, or write an address before its brace',
    say: () => 'a block without a site address holds global options and must come first',
  },
];

/** Understands one error of Caddy's adapter. What no rule knows keeps Caddy's own words. */
export function understand(words: string): Complaint {
  const text = words.replace(/^adapting config using caddyfile adapter: /, '').trim();
  const directive = /^parsing caddyfile tokens for '([^']+)': /.exec(text)?.[1] ?? '';
  const place = /^(\S+?):(\d+): /.exec(text) ?? /, at (\S+?):(\d+)(?: import chain: .*)?$/s.exec(text);
  const core =
    text
      .replace(/^parsing caddyfile tokens for '[^']+': /, '')
      .replace(/^\S+?:\d+: /, '')
      .replace(/, at \S+?:\d+(?: import chain: .*)?$/s, '')
      .replace(/ - are you sure your Caddyfile structure.*$/s, '')
      .split('\nDid you mean')[0]
      ?.trim() ?? '';
  const second = words.includes('Did you mean to define a second site?')
    ? 'put curly braces around each site'
    : undefined;
  const where = place ? { file: place[1] ?? '', line: Number(place[2]) } : {};
  for (const rule of rules) {
    const match = rule.pattern.exec(core);
    if (!match) continue;
    const token = rule.token ?? match[1]?.trim();
    return {
      message: rule.say(token ?? '', directive, match[2] ?? ''),
      ...(token ? { token } : {}),
      candidates: rule.candidates ?? [],
      ...where,
      hint: second ?? rule.hint,
      ...(rule.isAboutLast ? { isAboutLast: true } : {}),
      ...(rule.isStructural ? { isStructural: true } : {}),
    };
  }
  return {
    message: directive ? `${directive}: ${core}` : core,
    ...(directive ? { token: directive } : {}),
    candidates: [],
    hint: `caddy adapt says more; ${lists}/directives tells how each is written`,
    ...where,
  };
}
