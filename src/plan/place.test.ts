import { describe, expect, it } from 'vitest';
import { aService } from '../../test/rig/services.ts';
import { failure } from '../kit/failure.ts';
import type { Project, Service } from '../project/types.ts';
import { needsEngine, place } from './place.ts';
import type { EngineState, Mode } from './types.ts';

const start = { start: undefined } as unknown as { start: NonNullable<Service['start']> };
const native = aService('native');
const image = aService('image', { ...start, isNative: false, image: 'postgres:17' });
const built = aService('built', { isNative: false, build: { context: '/p/built', hasDockerfile: true } });
const bare = aService('bare', { isNative: false, build: { context: '/p/bare', hasDockerfile: false } });
const edge = aService('edge', { ...start, isEdge: true, image: 'caddy:2' });
const nothing = aService('nothing', { ...start, build: { context: '/p/nothing', hasDockerfile: false } });

const reachable: EngineState = { at: 'reachable' };
const unreachable: EngineState = {
  at: 'unreachable',
  failure: failure('machine', 'ENGINE_UNREACHABLE', 'no Docker engine answers', { hints: ['start it'] }),
};
const project = (services: readonly Service[]): Project =>
  ({ services: new Map(services.map((one) => [one.name, one])) }) as unknown as Project;
const placed = (services: readonly Service[], mode: Mode, engine: EngineState): Record<string, string> => {
  const { placements, failures } = place(project(services), mode, engine);
  return {
    ...Object.fromEntries([...placements].map(([name, placement]) => [name, placement.kind])),
    ...Object.fromEntries(failures.map(({ code, message }) => [code, message])),
  };
};

describe('place', () => {
  const all = [native, image, built, bare, edge];

  it('runs what says native as a process, and the rest in containers where it can', () => {
    expect(placed(all, 'auto', reachable)).toEqual({
      native: 'process',
      image: 'container',
      built: 'container',
      bare: 'process',
      edge: 'edge',
    });
  });

  it('falls back to start commands without an engine, and says what cannot do without one', () => {
    expect(placed(all, 'auto', unreachable)).toEqual({
      native: 'process',
      built: 'process',
      bare: 'process',
      edge: 'edge',
      ENGINE_UNREACHABLE: 'no Docker engine answers; image (postgres:17) needs it',
    });
  });

  it('obeys --docker and --native', () => {
    const dockered = aService('native', { build: { context: '/p/native', hasDockerfile: true } });
    expect(placed([dockered, image, edge], 'docker', reachable)).toEqual({
      native: 'container',
      image: 'container',
      edge: 'edge',
    });
    expect(placed([bare], 'docker', reachable)).toMatchObject({ DOCKERFILE_INVALID: expect.any(String) });
    expect(placed([dockered, image], 'docker', unreachable)).toEqual({
      ENGINE_UNREACHABLE: 'no Docker engine answers; native, image (postgres:17) need it',
    });
    expect(placed([native, built, image, nothing], 'native', reachable)).toMatchObject({
      native: 'process',
      built: 'process',
      NEEDS_CONTAINER: expect.stringContaining('postgres:17'),
      NO_START_COMMAND: expect.stringContaining('/p/nothing'),
    });
  });

  it('without its language: in a container where that is possible, else said with how to get it', () => {
    const without = { ...native.start, missing: 'go' } as NonNullable<Service['start']>;
    const inGo = aService('go', { start: without, build: { context: '/p/go', hasDockerfile: true } });
    const bareGo = aService('go', { start: without, build: { context: '/p/go', hasDockerfile: false } });
    expect(needsEngine(project([inGo]), 'auto')).toBe(true);
    expect(placed([inGo], 'auto', reachable)).toEqual({ go: 'container' });
    expect(place(project([inGo]), 'auto', reachable).placements.get('go')?.why).toMatch(/: go is not on PATH$/);
    const said = { NEEDS_PROGRAM: 'service "go" needs go to run as a process, which is not on PATH' };
    expect(placed([inGo], 'native', reachable)).toEqual(said);
    expect(placed([inGo], 'auto', unreachable)).toEqual(said);
    expect(placed([bareGo], 'auto', reachable)).toEqual(said);
    const [{ hints = [] } = {}] = place(project([inGo]), 'native', reachable).failures;
    expect(hints).toEqual(['install Go: https://go.dev/doc/install', 'camp up --docker']);
    expect(place(project([bareGo]), 'native', reachable).failures[0]?.hints).toHaveLength(1);
  });

  it('does not ask for an engine that nothing needs', () => {
    expect(needsEngine(project([native, edge]), 'auto')).toBe(false);
    expect(needsEngine(project([native, image]), 'auto')).toBe(true);
    expect(needsEngine(project([native, image]), 'native')).toBe(false);
    expect(needsEngine(project([native]), 'docker')).toBe(true);
  });
});
