import { contains } from './patterns.ts';
import type { HeaderChange, Host, Rule, Site } from './types.ts';

/** What the renderers share: what is said once for all rules, and which rules there are at all. */
export function rulesIn(site: Site): readonly Rule[] {
  return site.hosts.flatMap(({ rules }) => rules);
}

export function isProxied(site: Site): boolean {
  return rulesIn(site).some(({ action }) => action.kind === 'proxy');
}

export function hasFiles(site: Site): boolean {
  return rulesIn(site).some(({ action }) => action.kind === 'files');
}

export function isCompressed(site: Site): boolean {
  return rulesIn(site).some((rule) => rule.isCompressed);
}

/** Header changes that every rule of the host has. */
export function commonHeaders(host: Host): readonly HeaderChange[] {
  return (host.rules[0]?.headers ?? []).filter((change) => host.rules.every((rule) => hasChange(rule, change)));
}

/** A header change that some rules have, at the widest of them; `except` are narrower ones that do not have it. */
export interface Scoped {
  readonly rule: Rule;
  readonly change: HeaderChange;
  readonly except: readonly Rule[];
}

export function scopedHeaders(host: Host): readonly Scoped[] {
  const common = commonHeaders(host);
  return host.rules.flatMap((rule, i) =>
    rule.headers
      .filter((change) => !common.includes(change) && !common.some((each) => isSame(each, change)))
      .filter((change) => {
        const wider = host.rules.slice(i + 1).filter((later) => contains(later.pattern, rule.pattern));
        return !wider.some((later) => hasChange(later, change));
      })
      .map((change) => ({
        rule,
        change,
        except: exceptions(rule, host.rules).filter((narrower) => !hasChange(narrower, change)),
      })),
  );
}

function hasChange({ headers }: Rule, change: HeaderChange): boolean {
  return headers.some((each) => isSame(each, change));
}

function isSame(one: HeaderChange, other: HeaderChange): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Rules before this one that answer for a part of what it would. */
export function exceptions(rule: Rule, rules: readonly Rule[]): readonly Rule[] {
  return rules.slice(0, rules.indexOf(rule)).filter((earlier) => contains(rule.pattern, earlier.pattern));
}

/** Groups of upstreams by what they are: one that several rules use is written once. */
export function balancedGroups(site: Site): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { action } of rulesIn(site)) {
    if (action.kind !== 'proxy' || action.upstreams.addresses.length < 2) continue;
    const key = keyOf(action.upstreams);
    if (names.has(key)) continue;
    const base = action.upstreams.name.replace(/[^A-Za-z0-9_-]/g, '_');
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
    taken.add(name);
    names.set(key, name);
  }
  return names;
}

export function keyOf(upstreams: { readonly name: string; readonly addresses: readonly string[] }): string {
  return JSON.stringify(upstreams);
}

/** What is worth compressing, besides HTML: a line of at most 100 characters of what Caddy does by default. */
export const compressible = [
  'text/css',
  'text/plain',
  'text/javascript',
  'application/javascript',
  'application/json',
] as const;

export function indented(lines: readonly string[], by: string): string[] {
  return lines.map((line) => `${by}${line}`);
}
