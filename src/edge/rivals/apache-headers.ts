import { headerText } from './apache-texts.ts';
import { exceptions, scopedHeaders } from './layout.ts';
import { expressionOf } from './patterns.ts';
import type { HeaderChange, Host, Rule } from './types.ts';

/** Apache adds its own Server header when all else is done. */
export function isServer({ name }: HeaderChange): boolean {
  return name.toLowerCase() === 'server';
}

/** Headers for some paths: a place in Apache's configuration is every rule's below it, an expression is not. */
export function responseHeaders(host: Host): string[] {
  return scopedHeaders(host).flatMap(({ rule, change, except }) => headerLine(change, condition(rule, except)));
}

export function requestHeaders(rule: Rule, host: Host): string[] {
  const sent = rule.action.kind === 'proxy' ? rule.action.requestHeaders : [];
  const where = condition(rule, exceptions(rule, host.rules));
  return sent.map((change) => requestHeader(change, where));
}

function condition({ pattern }: Rule, except: readonly Rule[]): string {
  if (pattern.path === '/' && pattern.kind === 'prefix' && except.length === 0) return '';
  const not = except.map((other) => ` && %{REQUEST_URI} !~ m#${expressionOf(other.pattern)}#`);
  return ` "expr=%{REQUEST_URI} =~ m#${expressionOf(pattern)}#${not.join('')}"`;
}

export function headerLine(change: HeaderChange, where: string): string[] {
  if (isServer(change)) return [];
  const { how, name, value } = change;
  if (how === 'delete') return [`Header unset ${name}${where}`];
  return [`Header always ${how} ${name} ${headerText(value)}${where}`];
}

function requestHeader({ how, name, value }: HeaderChange, where: string): string {
  return how === 'delete'
    ? `RequestHeader unset ${name}${where}`
    : `RequestHeader ${how} ${name} ${headerText(value)}${where}`;
}
