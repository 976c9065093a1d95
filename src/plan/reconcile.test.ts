import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aService, idle, wantedOf } from '../../test/rig/services.ts';
import { configHash } from './config-hash.ts';
import { printPlan } from './print.ts';
import { reconcile } from './reconcile.ts';
import type { Observed, Plan, PlanOptions, Wanted } from './types.ts';

const options: PlanOptions = { recreate: 'diverged' };
const printed = (want: Wanted, have: Observed = idle, over: Partial<PlanOptions> = {}): string[] =>
  printPlan(reconcile(want, have, { ...options, ...over }))
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' | '));

const running = (want: Wanted): Observed => ({
  ...idle,
  edge: 'process',
  replicas: [...want.services.values()].flatMap((service) =>
    want.placements.get(service.name)?.kind === 'process'
      ? Array.from({ length: want.replicas.get(service.name) ?? service.replicas }, (_, i) => ({
          service: service.name,
          index: i + 1,
          configHash: configHash(service),
          runtime: 'process' as const,
          isRunning: true,
        }))
      : [],
  ),
});

describe('reconcile', () => {
  it('starts everything independent at once, and routes without waiting for readiness', () => {
    expect(printed(wantedOf([aService('api'), aService('web')]))).toEqual([
      '#1 | api:1 | start | no replica running',
      '#2 | api:1 | awaitReady | started by #1 | after 1',
      '#3 | web:1 | start | no replica running',
      '#4 | web:1 | awaitReady | started by #3 | after 3',
      '#5 | edge | startEdge | not running',
      '#6 | edge | route | nothing is served yet | after 5',
      '#7 | api | firstRequest | until it is answered through the edge | after 2,6',
      '#8 | web | firstRequest | until it is answered through the edge | after 4,6',
    ]);
  });

  it('leaves alone what runs when programs are installed beside it', () => {
    const start = { kind: 'command', argv: ['node', 'main.ts'], cwd: '/p/api', language: 'node', why: '' } as const;
    const before = wantedOf([aService('api', { start: { ...start, path: [] } })]);
    const after = wantedOf([aService('api', { start: { ...start, path: ['/p/node_modules/.bin'] } })]);
    expect(printed(after, running(before)).join('\n')).not.toContain('stop');
  });

  it('waits for what a dependency says it must be: started, or healthy', () => {
    const api = aService('api', {
      dependsOn: new Map([
        ['db', 'service_healthy'],
        ['cache', 'service_started'],
      ]),
    });
    const lines = printed(wantedOf([api, aService('db'), aService('cache')], { routed: new Set() }));
    expect(lines[0]).toContain('db:1 | start');
    expect(lines[2]).toContain('cache:1 | start');
    expect(lines).toContain('#5 | api:1 | start | no replica running | after 2,3');
  });

  it('makes the services of a cold machine wait for the CA, but not for Caddy', () => {
    const cold = { ...idle, hasCaddy: false, hasAuthority: false };
    expect(printed(wantedOf([aService('api')]), cold).slice(0, 5)).toEqual([
      '#1 | tool:caddy | provision | neither on PATH nor in the tool cache',
      '#2 | ca | provision | this user has no local CA yet | after 1',
      '#3 | api:1 | start | no replica running | after 2',
      '#4 | api:1 | awaitReady | started by #3 | after 3',
      '#5 | edge | startEdge | not running | after 1,2',
    ]);
    expect(printed(wantedOf([aService('api')]), { ...idle, hasCaddy: false })).toContain(
      '#2 | api:1 | start | no replica running',
    );
  });

  it('replaces a replica whose configuration changed, and only that one', () => {
    const before = wantedOf([aService('api'), aService('web')]);
    const after = wantedOf([aService('api', { env: { LEVEL: 'debug' } }), aService('web')]);
    expect(printed(after, running(before))).toEqual([
      '#1 | api:1 | stop | its configuration changed',
      '#2 | api:1 | start | its configuration changed | after 1',
      '#3 | api:1 | awaitReady | started by #2 | after 2',
      '#4 | edge | route | the endpoints as they are | after 3',
      '#5 | api | firstRequest | until it is answered through the edge | after 3,4',
      '#6 | web | firstRequest | until it is answered through the edge | after 4',
    ]);
  });

  it('takes a surplus replica out of the routes, drains it, and stops it last', () => {
    const three = wantedOf([aService('api', { replicas: 2 })]);
    const one = wantedOf([aService('api', { replicas: 1 })]);
    expect(printed(one, running(three))).toEqual([
      '#1 | edge | route | without api:2',
      '#2 | api | firstRequest | until it is answered through the edge | after 1',
      '#3 | api:2 | drain | more replicas than wanted | after 1',
      '#4 | api:2 | stop | more replicas than wanted | after 3',
    ]);
  });

  it('asks nothing of a service that was scaled to nothing', () => {
    const none = wantedOf([aService('api')], { replicas: new Map([['api', 0]]) });
    expect(printed(none, running(wantedOf([aService('api')]))).join('\n')).not.toContain('firstRequest');
  });

  it('stops what is no longer in the file, unless only some services were asked for', () => {
    const both = wantedOf([aService('api'), aService('old')]);
    const now = wantedOf([aService('api')]);
    expect(printed(now, running(both)).at(-1)).toBe('#4 | old:1 | stop | no longer in compose.yaml | after 3');
    expect(printed(now, running(both), { only: ['api'] }).join('\n')).not.toContain('old');
  });

  it('clears what another camp left before it starts anything', () => {
    const lines = printed(wantedOf([aService('api')]), { ...idle, leftovers: [{ replica: 'api:1', pids: [41, 42] }] });
    expect(lines[0]).toBe('#1 | api:1 | clear | left by a camp that is no longer there');
    expect(lines).toContain('#2 | api:1 | start | no replica running | after 1');
  });

  it('starts only what was asked for and what that needs', () => {
    const api = aService('api', { dependsOn: new Map([['db', 'service_started']]) });
    const lines = printed(wantedOf([api, aService('db'), aService('web')]), idle, { only: ['api'] });
    expect(lines.filter((line) => line.includes('| start |')).map((line) => line.split(' | ')[1])).toEqual([
      'db:1',
      'api:1',
    ]);
  });

  it('installs once a service, before any of its replicas', () => {
    const install = { argv: ['npm', 'ci'], cwd: '/p/api', why: 'node_modules is missing' };
    const api = aService('api', {
      replicas: 2,
      start: { kind: 'command', argv: ['node', 'x'], cwd: '/p/api', language: 'node', why: 'w', path: [], install },
    });
    const lines = printed(wantedOf([api]));
    expect(lines.filter((line) => line.includes('install'))).toEqual(['#1 | api | install | node_modules is missing']);
    expect(lines.filter((line) => line.includes('| start |')).every((line) => line.endsWith('after 1'))).toBe(true);
  });

  it('serves a static service without any process', () => {
    const web = aService('web', { start: { kind: 'static', root: '/p/web', why: 'index.html' } });
    expect(printed(wantedOf([web])).join('\n')).not.toContain('web:1');
  });

  const graphs = fc.uniqueArray(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 8 }).chain((ids) =>
    fc.tuple(
      ...ids.map((id, at) =>
        fc.record({
          id: fc.constant(id),
          needs: fc.subarray(ids.slice(0, at)),
          replicas: fc.integer({ min: 1, max: 3 }),
        }),
      ),
    ),
  );
  const wantedFrom = (graph: readonly { id: number; needs: readonly number[]; replicas: number }[]): Wanted =>
    wantedOf(
      graph.map(({ id, needs, replicas }) =>
        aService(`s${id}`, {
          replicas,
          dependsOn: new Map(needs.map((other) => [`s${other}`, 'service_healthy' as const])),
        }),
      ),
    );

  it('is acyclic: every step comes after steps before it', () => {
    fc.assert(
      fc.property(graphs, (graph) =>
        reconcile(wantedFrom(graph), idle, options).steps.every((step) => step.after.every((id) => id < step.id)),
      ),
    );
  });

  it('has nothing to start or stop once what it planned is there', () => {
    const busy = (plan: Plan): unknown[] => plan.steps.filter((step) => step.kind === 'start' || step.kind === 'stop');
    fc.assert(
      fc.property(
        graphs,
        (graph) => busy(reconcile(wantedFrom(graph), running(wantedFrom(graph)), options)).length === 0,
      ),
    );
  });
});
