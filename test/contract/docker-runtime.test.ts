import { describe } from 'vitest';
import type { Service } from '../../src/project/types.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';
import { engineForTests } from '../rig/docker.ts';
import { type Declared, dockerRig, steerable } from './docker-rig.ts';
import { runtimeSuite, type Stage } from './runtime-suite.ts';

const engine = await engineForTests('services in containers', ['node:24-alpine']);

describe.skipIf(!engine)('services in containers', () => {
  runtimeSuite('container', () => openStage(engine as Engine));
});

async function openStage(there: Engine): Promise<Stage> {
  const rig = dockerRig(there);
  const declared = new Map<string, Declared>();
  const keep = (one: Declared): Service => {
    declared.set(one.service.name, one);
    return one.service;
  };
  return {
    runtime: rig.runtime,
    events: rig.events,
    service: (name, mode, env, over) => keep(steerable(name, mode, env, over)),
    broken: () => keep(steerable('api', '', {}, {}, { init: false, entrypoint: [], command: ['/no/such/program'] })),
    async prepare(service, replicas) {
      const one = declared.get(service.name);
      if (!one) throw new Error(`no service ${service.name}`);
      rig.declare([{ ...one, wish: { ...one.wish, replicas } }]);
      await rig.runtime.create({ services: [service.name], replaced: [], edge: false }, new AbortController().signal);
    },
    hashOf: (service) => rig.hashOf(service.name),
    kill: async ({ service, index }) => there.api.killContainer(await rig.containerOf(service, index)),
    remains: rig.containers,
    close: rig.close,
  };
}
