import { describe, expect, test } from 'vitest';
import { isAccessLine, logAccess, parseAccessLine } from './access-log.ts';
import type { JsonObject } from './json.ts';

function logged(
  server: JsonObject,
  logging: JsonObject = {},
): { server: JsonObject; logs: Record<string, JsonObject> } {
  const config: JsonObject = { logging };
  logAccess(config, { srv0: server }, { file: '/logs/edge.log' });
  return { server, logs: (config.logging as JsonObject).logs as Record<string, JsonObject> };
}

describe('logAccess', () => {
  test('a server that logs nothing logs for camp alone, in a file of the user’s own', () => {
    const { server, logs } = logged({});
    expect(server.logs).toEqual({ default_logger_name: 'camp' });
    expect(logs.default?.exclude).toEqual(['http.log.access.camp']);
    expect(logs.camp?.writer).toMatchObject({ output: 'file', filename: '/logs/edge.log', mode: '0600', roll: true });
  });

  test('what the Caddyfile logs goes on as it is, and camp gets those lines too', () => {
    const own = { log0: { include: ['http.log.access.log0'] }, default: { exclude: ['http.log.access.log0'] } };
    const { server, logs } = logged({ logs: { default_logger_name: 'log0' } }, { logs: own });
    expect(server.logs).toEqual({ default_logger_name: 'log0' });
    expect(logs.log0).toEqual({ include: ['http.log.access.log0'] });
    expect(logs.default?.exclude).toEqual(['http.log.access.log0', 'http.log.access.camp']);
    expect(logs.camp?.include).toEqual(['http.log.access']);
  });

  test('hosts that the Caddyfile leaves out are logged for camp', () => {
    const { server } = logged({ logs: { logger_names: { 'a.test': ['log0'] }, skip_hosts: ['b.test'] } });
    expect(server.logs).toEqual({ logger_names: { 'a.test': ['log0'] }, default_logger_name: 'camp' });
  });

  test('no header, no query and no user is written', () => {
    const { logs } = logged({});
    const text = JSON.stringify(logs.camp?.encoder);
    for (const field of ['request>headers', 'resp_headers', 'user_id', 'request>tls'])
      expect(text).toContain(`"${field}":{"filter":"delete"}`);
    expect(text).toContain('"request>uri":{"filter":"regexp"');
  });
});

test('a line is understood; what is none, or was cut off, is left out', () => {
  const line =
    '{"level":"info","ts":1795259980.867,"logger":"http.log.access.camp","msg":"handled request","request":{"method":"GET","host":"shop.localhost","uri":"/api"},"duration":0.002,"status":200,"traceId":"t","requestId":"r","camp":"access"}';
  const entry = parseAccessLine(line);
  expect(entry).toMatchObject({ requestId: 'r', traceId: 't', method: 'GET', path: '/api', status: 200, ms: 2 });
  expect(entry?.beganAt).toBeCloseTo(1795259980865, 0);
  const late = line.replace('"traceId"', '"began":1795259980.5,"traceId"');
  expect(parseAccessLine(late)?.beganAt, 'when it came, however late it was written').toBeCloseTo(1795259980500, 0);
  expect(parseAccessLine(line.slice(0, -3))).toBeUndefined();
  expect(isAccessLine('{"level":"warn","logger":"tls","msg":"x"}')).toBe(false);
  expect(parseAccessLine('plain')).toBeUndefined();
});
