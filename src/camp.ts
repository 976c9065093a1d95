/**
 * The composition root: every use case of camp, each loaded only when it is asked for. The files in src/camp/ know
 * every room; nothing else does.
 */

export type { DownRequest } from './camp/down.ts';
export type { LogsRequest } from './camp/logs.ts';
export type { LookRequest, PlanReport } from './camp/look.ts';
export type { Measured } from './camp/measure/measure.ts';
export type { SteerRequest } from './camp/steer.ts';
export type { TestRequest } from './camp/test.ts';
export type { Session, UpOutcome, UpRequest } from './camp/up.ts';

export const up: typeof import('./camp/up.ts').up = async (request) => (await import('./camp/up.ts')).up(request);
export const down: typeof import('./camp/down.ts').down = async (request) =>
  (await import('./camp/down.ts')).down(request);
export const status: typeof import('./camp/look.ts').status = async (request) =>
  (await import('./camp/look.ts')).status(request);
export const ps: typeof import('./camp/ps.ts').ps = async (request) => (await import('./camp/ps.ts')).ps(request);
export const plan: typeof import('./camp/look.ts').plan = async (request) =>
  (await import('./camp/look.ts')).plan(request);
export const composeConfig = async (
  request: Parameters<typeof import('./camp/look.ts').composeConfig>[0],
): Promise<ReturnType<typeof import('./camp/look.ts').composeConfig>> =>
  (await import('./camp/look.ts')).composeConfig(request);
export const urlOf: typeof import('./camp/look.ts').urlOf = async (...args) =>
  (await import('./camp/look.ts')).urlOf(...args);
export const logs: typeof import('./camp/logs.ts').logs = async (request) =>
  (await import('./camp/logs.ts')).logs(request);
export const run: typeof import('./camp/run.ts').run = async (...args) => (await import('./camp/run.ts')).run(...args);
export const test: typeof import('./camp/test.ts').test = async (request) =>
  (await import('./camp/test.ts')).test(request);
export const dlq: typeof import('./camp/dlq.ts').dlq = async (...args) => (await import('./camp/dlq.ts')).dlq(...args);
export const restart: typeof import('./camp/steer.ts').restart = async (...args) =>
  (await import('./camp/steer.ts')).restart(...args);
export const scale = async (
  ...args: Parameters<typeof import('./camp/steer.ts').scale>
): ReturnType<typeof import('./camp/steer.ts').scale> => (await import('./camp/steer.ts')).scale(...args);
export const openUrl: typeof import('./camp/opener.ts').openUrl = async (...args) =>
  (await import('./camp/opener.ts')).openUrl(...args);
export const doctor: typeof import('./camp/doctor.ts').doctor = async (env, dir) =>
  (await import('./camp/doctor.ts')).doctor(env, dir);
export const trust: typeof import('./camp/trust.ts').trust = async (request) =>
  (await import('./camp/trust.ts')).trust(request);
export const measure: typeof import('./camp/measure/measure.ts').measure = async (request) =>
  (await import('./camp/measure/measure.ts')).measure(request);
export const clearScratch: typeof import('./camp/measure/scratch.ts').clearScratch = async (...args) =>
  (await import('./camp/measure/scratch.ts')).clearScratch(...args);
