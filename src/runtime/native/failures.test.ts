import { expect, test } from 'vitest';
import { failure } from '../../kit/failure.ts';
import { notReady } from './failures.ts';
import type { ReplicaSpec } from './replica-spec.ts';

const full = failure('machine', 'DISK_FULL', 'no space left');

const spec = (explain?: (tail: readonly string[]) => typeof full | undefined): ReplicaSpec => ({
  service: 'db',
  index: 1,
  configHash: '',
  argv: ['postgres'],
  cwd: '/',
  env: {},
  port: 5432,
  probe: undefined,
  isReached: true,
  isOneShot: false,
  stop: { signal: 'SIGTERM', graceMs: 1000 },
  ...(explain
    ? {
        server: {
          explain,
          launch: () => Promise.reject(),
          ask: () => Promise.reject(),
        } satisfies ReplicaSpec['server'],
      }
    : {}),
});

test('a server that never becomes ready says why, where its last lines do', () => {
  const tail = ['PANIC:  could not write to file "x": No space left on device'];
  expect(
    notReady(
      spec((lines) => (lines === tail ? full : undefined)),
      60_000,
      undefined,
      tail,
    ),
  ).toBe(full);
  expect(
    notReady(
      spec(() => undefined),
      60_000,
      undefined,
      tail,
    ),
  ).toMatchObject({ fault: 'service', code: 'NOT_READY' });
  expect(notReady(spec(), 60_000, undefined, tail)).toMatchObject({ fault: 'service', code: 'NOT_READY' });
});
