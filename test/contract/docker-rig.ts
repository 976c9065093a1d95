import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { monotonicClock } from '../../src/kit/clock.ts';
import type { Unstamped } from '../../src/kit/events.ts';
import { hashOf } from '../../src/kit/hash.ts';
import type { Service } from '../../src/project/types.ts';
import type { ComposeModel } from '../../src/runtime/docker/compose.ts';
import { findCompose } from '../../src/runtime/docker/engine/find-compose.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';
import { projectLabel } from '../../src/runtime/docker/labels.ts';
import { removeLeftovers, removeVolumes, volumesOf } from '../../src/runtime/docker/leftovers.ts';
import { createDockerRuntime } from '../../src/runtime/docker/runtime.ts';
import type { ContainerWish, DockerRuntime, EdgeWish } from '../../src/runtime/docker/types.ts';
import { aService } from '../rig/services.ts';

const rig = fileURLToPath(new URL('../rig', import.meta.url));
const never = new AbortController().signal;

/** A compose service as the file says it, and as camp has read it. */
export interface Declared {
  readonly service: Service;
  readonly compose: Readonly<Record<string, unknown>>;
  readonly wish?: Partial<ContainerWish>;
}

export interface DockerRig {
  readonly folder: string;
  readonly name: string;
  readonly projectId: string;
  readonly events: Unstamped[];
  readonly runtime: DockerRuntime;
  /** Another runtime of the same project, as a camp that comes after one which was killed has it. */
  successor(): DockerRuntime;
  /** Writes compose.yaml and tells the runtime what is wanted. */
  declare(services: readonly Declared[], rest?: Readonly<Record<string, unknown>>, edge?: EdgeWish): void;
  /** `declare`, create, start and wait for everything. */
  up(services: readonly Declared[], rest?: Readonly<Record<string, unknown>>): Promise<void>;
  /** What a service was declared with, as the planner compares it. */
  hashOf(service: string): string;
  /** Names of the project's containers. */
  containers(): Promise<readonly string[]>;
  containerOf(service: string, index?: number): Promise<string>;
  /** Ends and removes everything, data too. */
  close(): Promise<void>;
}

let count = 0;

export function dockerRig(engine: Engine, ownEnv: NodeJS.ProcessEnv = process.env): DockerRig {
  const folder = mkdtempSync(join(tmpdir(), 'camp-docker-'));
  const name = `camptest-${process.pid}-${++count}-${Math.random().toString(36).slice(2, 8)}`;
  const projectId = hashOf(folder);
  const events: Unstamped[] = [];
  const file = join(folder, 'compose.yaml');
  const open = (): DockerRuntime =>
    createDockerRuntime({
      engine,
      compose: (signal) => findCompose(ownEnv, engine, signal),
      project: { id: projectId, name, dir: folder, files: [file], envFiles: [], profiles: [] },
      model() {
        const args = ['compose', '-p', name, '-f', file, 'config', '--format', 'json'];
        const model = JSON.parse(execFileSync('docker', args, { encoding: 'utf8' })) as Partial<ComposeModel>;
        // Compose says nothing of what there is none of
        return { services: {}, networks: {}, volumes: {}, ...model };
      },
      runDir: join(folder, 'run'),
      stateDir: join(folder, 'state'),
      ownEnv,
      clock: monotonicClock(),
      emit: (event) => void events.push(event),
      pressure: () => undefined,
    });
  const runtime = open();
  const left = { projectId, stateDir: join(folder, 'state'), signal: AbortSignal.abort() };
  const label = `${projectLabel}=${projectId}`;
  let wishes: readonly ContainerWish[] = [];

  const rigged: DockerRig = {
    folder,
    name,
    projectId,
    events,
    runtime,
    successor() {
      const next = open();
      next.want(wishes);
      return next;
    },
    declare(services, rest = {}, edge) {
      const declared = Object.fromEntries(services.map((one) => [one.service.name, one.compose]));
      writeFileSync(file, JSON.stringify({ name, services: declared, ...rest }));
      wishes = services.map((one) => wishOf(one));
      runtime.want(wishes, edge);
    },
    async up(services, rest) {
      rigged.declare(services, rest);
      await runtime.create({ services: services.map((one) => one.service.name), replaced: [], edge: false }, never);
      for (const { service } of services)
        for (let index = 1; index <= service.replicas; index++) await runtime.start(service, index);
      for (const { service } of services)
        for (let index = 1; index <= service.replicas; index++) await runtime.awaitReady(service, index, 60_000, never);
    },
    hashOf: (service) => wishes.find((one) => one.service.name === service)?.hash ?? '',
    containers: async () => (await engine.api.listContainers([label])).map((one) => one.name).sort(),
    async containerOf(service, index = 1) {
      const all = await engine.api.listContainers([label, `com.docker.compose.service=${service}`]);
      const found = all.find((one) => one.labels['com.docker.compose.container-number'] === String(index));
      if (!found) throw new Error(`no container of ${service}:${index}`);
      return found.id;
    },
    async close() {
      await runtime.shutdown(AbortSignal.abort());
      await removeLeftovers(engine, left);
      await removeVolumes(engine, left, await volumesOf(engine, left));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return rigged;
}

function wishOf({ service, compose, wish }: Declared): ContainerWish {
  return {
    service,
    replicas: service.replicas,
    hash: hashOf(compose),
    ports: service.ports.map((one) => ({ containerPort: one.container, protocol: one.protocol })),
    environment: {},
    extraHosts: [],
    ...wish,
  };
}

/** The steerable service in a container. */
export function steerable(
  name: string,
  mode: string,
  env: Readonly<Record<string, string>> = {},
  over: Partial<Service> = {},
  more: Readonly<Record<string, unknown>> = {},
): Declared {
  const isReached = name !== 'worker';
  const service = aService(name, {
    isNative: false,
    image: 'node:24-alpine',
    ports: isReached ? [{ container: 8080, protocol: 'tcp' }] : [],
    stop: { signal: 'SIGTERM', graceMs: 1000 },
    ...over,
  });
  const compose = {
    image: 'node:24-alpine',
    command: ['node', '/rig/steerable.mjs'],
    // node as a container's first process would hear no TERM
    init: true,
    volumes: [`${rig}:/rig:ro`],
    environment: { MODE: mode, PORT: '8080', HOST: '0.0.0.0', ...env },
    stop_grace_period: '1s',
    ...more,
  };
  return { service, compose, wish: isReached ? { httpPort: 8080 } : {} };
}
