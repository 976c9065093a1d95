import { describe, expect, it } from 'vitest';
import { aService, idle, wantedOf } from '../../test/rig/services.ts';
import { printPlan } from './print.ts';
import { reconcile } from './reconcile.ts';
import type { Observed, ObservedReplica, Placement, PlanOptions, Wanted } from './types.ts';

const options: PlanOptions = { recreate: 'diverged' };
const printed = (want: Wanted, have: Observed = idle, over: Partial<PlanOptions> = {}): string[] =>
  printPlan(reconcile(want, have, { ...options, ...over }))
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' | '));

const container: Placement = { kind: 'container', why: 'test' };
const process: Placement = { kind: 'process', why: 'test' };
const api = aService('api', { dependsOn: new Map([['db', 'service_healthy']]) });
const db = aService('db');

const wanted = (placements: Record<string, Placement>, over: Partial<Wanted> = {}): Wanted =>
  wantedOf([api, db], { placements: new Map(Object.entries(placements)), routed: new Set(['api']), ...over });

const there = (want: Wanted, over: Partial<ObservedReplica> = {}): ObservedReplica[] =>
  [...want.services.keys()].map((service) => ({
    service,
    index: 1,
    configHash: want.hashes.get(service) ?? '',
    runtime: want.placements.get(service)?.kind as 'process' | 'container',
    isRunning: true,
    ...over,
  }));

describe('reconcile, containers', () => {
  it('builds and creates all at once, then starts each when what it needs is ready', () => {
    const have = { ...idle, builds: new Map([['api', 'no image yet']]) };
    expect(printed(wanted({ api: container, db: container }), have)).toEqual([
      '#1 | images | build | api: no image yet',
      '#2 | containers | create | api, db not there | after 1',
      '#3 | db:1 | start | no replica running | after 2',
      '#4 | db:1 | awaitReady | started by #3 | after 3',
      '#5 | api:1 | start | no replica running | after 2,4',
      '#6 | api:1 | awaitReady | started by #5 | after 5',
      '#7 | edge | startEdge | not running',
      '#8 | edge | route | nothing is served yet | after 7',
      '#9 | api | firstRequest | until it is answered through the edge | after 6,8',
    ]);
  });

  it('lets a process wait for a container, and nothing else of it', () => {
    const lines = printed(wanted({ api: process, db: container }));
    expect(lines.slice(0, 4)).toEqual([
      '#1 | containers | create | db not there',
      '#2 | db:1 | start | no replica running | after 1',
      '#3 | db:1 | awaitReady | started by #2 | after 2',
      '#4 | api:1 | start | no replica running | after 3',
    ]);
    expect(printed(wanted({ api: container, db: process }))).toContain('#2 | db:1 | start | no replica running');
  });

  it('creates the edge with the other containers, and starts it after that', () => {
    const lines = printed(wanted({ api: container, db: container }, { edge: 'container' }));
    expect(lines[0]).toBe('#1 | containers | create | api, db, edge not there');
    expect(lines).toContain('#6 | edge | startEdge | not running');
    expect(lines).toContain('#7 | edge | route | nothing is served yet | after 1,6');
    const want = wanted({ api: container, db: container }, { edge: 'container' });
    expect(printed(want, { ...idle, replicas: there(want), edge: 'process' })).toEqual([
      '#1 | containers | create | edge not there',
      '#2 | edge | startEdge | it runs as a process',
      '#3 | edge | route | nothing is served yet | after 1,2',
      '#4 | api | firstRequest | until it is answered through the edge | after 3',
    ]);
  });

  it('creates nothing for what is there and only stopped', () => {
    const want = wanted({ api: container, db: container });
    const have: Observed = { ...idle, edge: 'process', replicas: there(want, { isRunning: false }) };
    expect(printed(want, have).slice(0, 2)).toEqual([
      '#1 | db:1 | start | it has ended',
      '#2 | db:1 | awaitReady | started by #1 | after 1',
    ]);
    const completed = { ...have, replicas: there(want, { isRunning: false, hasCompleted: true }) };
    expect(printed(want, completed).join('\n')).not.toContain('| start |');
  });

  it('leaves replacing a changed container to Compose, which keeps its anonymous volumes', () => {
    const want = wanted({ api: container, db: container });
    const have: Observed = {
      ...idle,
      edge: 'process',
      replicas: there(want).map((one) => (one.service === 'api' ? { ...one, configHash: 'other' } : one)),
    };
    expect(printed(want, have).slice(0, 3)).toEqual([
      '#1 | containers | create | api not as wanted',
      '#2 | api:1 | start | its configuration changed | after 1',
      '#3 | api:1 | awaitReady | started by #2 | after 2',
    ]);
    expect(printed(want, { ...have, replicas: there(want), builds: new Map([['api', 'its files changed']]) })[0]).toBe(
      '#1 | images | build | api: its files changed',
    );
  });

  it('adds replicas beside those that run', () => {
    const want = wanted({ api: container, db: container }, { replicas: new Map([['api', 3]]) });
    const lines = printed(want, { ...idle, edge: 'process', replicas: there(want) });
    expect(lines[0]).toBe('#1 | containers | create | api not there');
    expect(lines.filter((line) => line.includes('| start |')).map((line) => line.split(' | ')[1])).toEqual([
      'api:2',
      'api:3',
    ]);
  });

  it('moves a service: first the new replica, then the old one goes', () => {
    const before = wanted({ api: process, db: container });
    const after = wanted({ api: container, db: container });
    expect(printed(after, { ...idle, edge: 'process', replicas: there(before) })).toEqual([
      '#1 | containers | create | api not there',
      '#2 | api:1 | start | no replica running | after 1',
      '#3 | api:1 | awaitReady | started by #2 | after 2',
      '#4 | edge | route | without api:1 | after 3',
      '#5 | api | firstRequest | until it is answered through the edge | after 3,4',
      '#6 | api:1 | drain | it is placed as container now | after 4',
      '#7 | api:1 | stop | it is placed as container now | after 6',
    ]);
  });
});
