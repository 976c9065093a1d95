import type { Command } from '@oclif/core';

type Load = () => Promise<{ readonly default: Command.Class }>;

/** Every command by its words; its file is loaded only when it runs. */
export const commands: Readonly<Record<string, Load>> = {
  init: () => import('./init.ts'),
  'add service': () => import('./add/service.ts'),
  'add postgres': async () => ({ default: (await import('./add/backing.ts')).AddPostgres }),
  'add redis': async () => ({ default: (await import('./add/backing.ts')).AddRedis }),
  'add nats': async () => ({ default: (await import('./add/backing.ts')).AddNats }),
  'add rabbitmq': async () => ({ default: (await import('./add/backing.ts')).AddRabbitmq }),
  'add kafka': async () => ({ default: (await import('./add/backing.ts')).AddKafka }),
  up: () => import('./up.ts'),
  down: () => import('./down.ts'),
  plan: () => import('./plan.ts'),
  ps: () => import('./ps.ts'),
  logs: () => import('./logs.ts'),
  open: () => import('./open.ts'),
  restart: () => import('./restart.ts'),
  scale: () => import('./scale.ts'),
  run: () => import('./run.ts'),
  test: () => import('./test.ts'),
  'dlq ls': () => import('./dlq/ls.ts'),
  'dlq show': () => import('./dlq/show.ts'),
  'dlq replay': () => import('./dlq/replay.ts'),
  measure: () => import('./measure.ts'),
  doctor: () => import('./doctor.ts'),
  trust: () => import('./trust.ts'),
};

/** How the root help groups them; a command that is not here is not shown. */
export const groups: readonly (readonly [string, readonly string[]])[] = [
  ['start', ['init', 'add service', 'up', 'down']],
  ['backing services', ['add postgres', 'add redis', 'add nats', 'add rabbitmq', 'add kafka']],
  ['look', ['ps', 'logs', 'open', 'plan']],
  ['steer', ['restart', 'scale', 'run', 'test', 'dlq ls', 'dlq show', 'dlq replay']],
  ['measure', ['measure']],
  ['this machine', ['doctor', 'trust']],
];
