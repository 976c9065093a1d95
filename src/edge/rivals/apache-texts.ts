import { written } from './texts.ts';
import type { RequestValue, Text } from './types.ts';

/** https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html#rewritecond; without the query, which a redirect keeps by itself. */
const rewriteVariables: Readonly<Record<RequestValue, string>> = {
  host: '%{SERVER_NAME}',
  'host-and-port': '%{HTTP_HOST}',
  'path-and-query': '%{REQUEST_URI}',
  path: '%{REQUEST_URI}',
  scheme: '%{REQUEST_SCHEME}',
  client: '%{REMOTE_ADDR}',
};

export function target(to: Text): string {
  return written(to, (part) => part.replace(/[\\$%]/g, '\\$&'), rewriteVariables);
}

/** `%` begins a format in the value of a header; an expression has variables of the request. */
export function headerText(text: Text): string {
  return isStatic(text)
    ? quoted(written(text, (part) => part.replaceAll('%', '%%'), rewriteVariables))
    : quoted(`expr=${written(text, (part) => part, rewriteVariables)}`);
}

export function isStatic(text: Text): boolean {
  return text.every((part) => typeof part === 'string');
}

/** An expression has no word for the path with its query, and quotes nothing. */
export function isInexpressible(text: Text): boolean {
  return (
    !isStatic(text) &&
    text.some((part) => (typeof part === 'string' ? /[%"\\]/.test(part) : part.value === 'path-and-query'))
  );
}

export function quoted(text: string): string {
  return /^[A-Za-z0-9/:._~+@=,%{}^$-]+$/.test(text) ? text : `"${text.replace(/"/g, '\\"')}"`;
}
