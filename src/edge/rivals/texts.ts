import type { RequestValue, Text } from './types.ts';

/** Caddy's placeholders that every server has a word for. */
const placeholders: Readonly<Record<string, RequestValue>> = {
  'http.request.host': 'host',
  'http.request.hostport': 'host-and-port',
  'http.request.uri': 'path-and-query',
  'http.request.uri.path': 'path',
  'http.request.scheme': 'scheme',
  'http.request.remote.host': 'client',
};

/** Undefined, with the placeholder's name in `unknown`, for one that only Caddy knows. */
export function textOf(written: string, unknown: (name: string) => void): Text {
  return written
    .split(/(\{[a-z][a-z0-9_.-]*\})/i)
    .filter((part) => part !== '')
    .map((part) => {
      const name = /^\{([a-z][a-z0-9_.-]*)\}$/i.exec(part)?.[1];
      if (name === undefined) return part;
      const value = placeholders[name];
      if (value === undefined) unknown(name);
      return value === undefined ? part : { value };
    });
}

/** In a server's words. */
export function written(
  text: Text,
  literal: (part: string) => string,
  words: Readonly<Record<RequestValue, string>>,
): string {
  return text.map((part) => (typeof part === 'string' ? literal(part) : words[part.value])).join('');
}
