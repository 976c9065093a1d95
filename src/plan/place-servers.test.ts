import { describe, expect, it } from 'vitest';
import { aService, idle, wantedOf } from '../../test/rig/services.ts';
import { failure } from '../kit/failure.ts';
import type { Project, ServerImage, Service } from '../project/types.ts';
import { configHash } from './config-hash.ts';
import { needsEngine, place, placementName } from './place.ts';
import { printPlan } from './print.ts';
import { reconcile } from './reconcile.ts';
import type { EngineState, Mode, Placement } from './types.ts';

const reachable: EngineState = { at: 'reachable' };
const unreachable: EngineState = {
  at: 'unreachable',
  failure: failure('machine', 'ENGINE_UNREACHABLE', 'no Docker engine answers', { hints: ['start it'] }),
};

function aServer(over: Partial<ServerImage> = {}, service: Partial<Service> = {}): Service {
  const { start: _, ...bare } = aService('db', { image: 'postgres:17', ...service });
  const server = { name: 'postgres', isValkey: false, major: 17, command: [], initScripts: [], secrets: {} } as const;
  return { ...bare, server: { ...server, ...over } };
}

function placed(service: Service, mode: Mode, engine: EngineState): Placement | string | undefined {
  const project = { services: new Map([[service.name, service]]) } as unknown as Project;
  const { placements, failures } = place(project, mode, engine);
  return placements.get(service.name) ?? failures[0]?.message;
}

describe('a server that camp knows', () => {
  const asked = aServer();
  const plain = aServer({}, { isNative: false });
  const customised = aServer({ obstacle: 'it mounts ./pg.conf at /etc/pg.conf' });

  it('runs without a container where the files ask for that, and no engine is asked', () => {
    expect(placed(asked, 'auto', reachable)).toEqual({
      kind: 'server',
      why: 'x-camp: native, the image postgres:17 is PostgreSQL 17, which runs without a container',
    });
    expect(needsEngine({ services: new Map([['db', asked]]) } as unknown as Project, 'auto')).toBe(false);
  });

  it('says what to install where that is all that is missing, with and without an engine', () => {
    const absent = aServer({ name: 'rabbitmq', obstacle: 'RabbitMQ is not installed', fix: 'apt-get install it' });
    const hints = (mode: Mode, engine: EngineState): readonly string[] | undefined =>
      place({ services: new Map([['db', absent]]) } as unknown as Project, mode, engine).failures[0]?.hints;
    expect(hints('native', reachable)).toContain('apt-get install it');
    expect(hints('auto', unreachable)).toEqual(['start it', 'or, without an engine: apt-get install it']);
  });

  it('runs in a container where an engine is there and nothing asks for less', () => {
    expect(placed(plain, 'auto', reachable)).toMatchObject({ kind: 'container' });
    expect(placed(asked, 'docker', reachable)).toMatchObject({ kind: 'container' });
  });

  it('runs without one where no engine is reachable, or with --native', () => {
    expect(placed(plain, 'auto', unreachable)).toMatchObject({
      kind: 'server',
      why: expect.stringMatching(/^no Docker engine is reachable, /),
    });
    expect(placed(plain, 'native', unreachable)).toMatchObject({
      kind: 'server',
      why: expect.stringMatching(/^--native, /),
    });
  });

  it('says what keeps it from that', () => {
    expect(placed(customised, 'auto', reachable)).toEqual({
      kind: 'container',
      why: 'the image postgres:17, not a native server: it mounts ./pg.conf at /etc/pg.conf',
    });
    expect(placed(customised, 'native', reachable)).toMatch(/cannot run without a container: it mounts \.\/pg\.conf/);
    expect(placed(customised, 'auto', unreachable)).toMatch(/no Docker engine answers; db \(postgres:17\) needs it/);
  });

  it('is shown as a native server', () => {
    expect(placementName('server')).toBe('native server');
    expect(placementName('process')).toBe('process');
  });
});

describe('the plan for servers', () => {
  const db = aServer();
  const other = { ...aServer(), name: 'other' };
  const missing = new Map([
    ['db', { tool: 'postgres', major: 17 }],
    ['other', { tool: 'postgres', major: 17 }],
  ] as const);

  it('fetches a program once, makes data, starts, waits', () => {
    const plan = reconcile(
      wantedOf([db, other], { routed: new Set() }),
      { ...idle, missingServers: missing, data: new Map([['other', 'its data are there']]) },
      { recreate: 'diverged' },
    );
    expect(printPlan(plan).replace(/ {2,}/g, '  ')).toBe(
      [
        '#1  tool:postgres-17  provision  neither on this machine nor in the tool cache',
        '#2  db  prepare  it has no data yet  after 1',
        '#3  db:1  start  no replica running  after 2',
        '#4  db:1  awaitReady  started by #3  after 3',
        '#5  other  prepare  its data are there  after 1',
        '#6  other:1  start  no replica running  after 5',
        '#7  other:1  awaitReady  started by #6  after 6',
        '#8  edge  startEdge  not running',
        '#9  edge  route  nothing is served yet  after 8',
      ].join('\n'),
    );
  });

  it('has one replica of it, whatever the files say, and none where it is scaled to nothing', () => {
    const three = { ...db, replicas: 3 };
    const starts = (scale: number): number =>
      reconcile(wantedOf([three], { replicas: new Map([['db', scale]]) }), idle, { recreate: 'diverged' }).steps.filter(
        (step) => step.kind === 'start',
      ).length;
    expect([starts(3), starts(1), starts(0)]).toEqual([1, 1, 0]);
  });

  it('starts it anew when what it is changes', () => {
    const running = {
      service: 'db',
      index: 1,
      configHash: configHash(db),
      runtime: 'process',
      isRunning: true,
    } as const;
    const kinds = (now: Service): readonly string[] =>
      reconcile(
        wantedOf([now], { routed: new Set() }),
        { ...idle, replicas: [running], edge: 'process' },
        { recreate: 'diverged' },
      ).steps.map((step) => step.kind);
    expect(kinds(db)).toEqual(['route']);
    expect(kinds(aServer({ command: ['-c', 'work_mem=1MB'] }))).toEqual([
      'stop',
      'prepare',
      'start',
      'awaitReady',
      'route',
    ]);
  });
});
