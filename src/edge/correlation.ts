import type { JsonObject } from './json.ts';

const traceparent = '^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$';
const requestId = '^[A-Za-z0-9._:=+/@-]{1,128}$';
const uuid = '^(.{8})-(.{4})-(.{4})-(.{4})-(.{12})$';

/**
 * Routes that go before all others: every request gets a trace context (W3C Trace Context, level 1) and an
 * X-Request-Id, which is the trace id; a client's own are kept if they are sane. The answer carries the
 * X-Request-Id. Strict-Transport-Security is taken off: a browser would remember it for months, for every
 * project at that name and on every port.
 */
export function correlationRoutes(): JsonObject[] {
  const id = { 'X-Request-Id': ['{http.request.header.X-Request-Id}'] };
  return [
    {
      handle: [
        {
          handler: 'map',
          source: '{http.request.uuid}',
          destinations: ['{camp_new_trace}', '{camp_span}'],
          mappings: [{ input_regexp: uuid, outputs: ['${1}${2}${3}${4}${5}', '${4}${5}'] }],
        },
        {
          handler: 'map',
          source: '{http.request.header.traceparent}',
          destinations: ['{camp_trace}'],
          mappings: [{ input_regexp: traceparent, outputs: ['${1}'] }],
          defaults: ['{camp_new_trace}'],
        },
      ],
    },
    setUnless('traceparent', traceparent, '00-{camp_trace}-{camp_span}-01'),
    setUnless('X-Request-Id', requestId, '{camp_trace}'),
    {
      handle: [
        // At once for errors that Caddy answers itself, and again at the end in the place of the upstream's own.
        { handler: 'headers', response: { set: id } },
        { handler: 'headers', response: { deferred: true, set: id, delete: ['Strict-Transport-Security'] } },
      ],
    },
  ];
}

function setUnless(header: string, pattern: string, value: string): JsonObject {
  return {
    match: [{ not: [{ header_regexp: { [header]: { pattern } } }] }],
    handle: [{ handler: 'headers', request: { set: { [header]: [value] } } }],
  };
}
