import { expect, it } from 'vitest';
import { aService } from '../../../test/rig/services.ts';
import type { Project } from '../../project/types.ts';
import type { ServiceStatus } from '../../report/types.ts';
import type { Asker } from './asking.ts';
import { routedOf } from './subjects.ts';

const statusOf = (name: string): ServiceStatus => ({
  name,
  placement: 'process',
  replicas: 1,
  state: 'ready',
  url: `https://${name}.shop.localhost`,
  readyMs: 1,
  pids: [],
});

/** Answers each URL with these, one after the other; the last one stays. */
function asker(answers: Readonly<Record<string, readonly number[]>>): Asker {
  const asked = new Map<string, number>();
  return {
    prefix: 'x',
    close: () => undefined,
    async ask(url) {
      const name = new URL(url).hostname.split('.')[0] ?? '';
      const times = asked.get(name) ?? 0;
      asked.set(name, times + 1);
      const status = answers[name]?.[times] ?? answers[name]?.at(-1) ?? 0;
      return { id: 'x', sentMs: 0, answeredMs: 0, status, body: '' };
    },
  };
}

it('a service that says no at first is measured, in the order of the project; one that goes on saying no is not', async () => {
  const names = ['late', 'never', 'away', 'locked', 'well'];
  const project = { services: new Map(names.map((name) => [name, aService(name)])) } as unknown as Project;
  const answers = { late: [502, 0, 503, 200], never: [503], away: [0], locked: [401], well: [200] };
  const routed = await routedOf(names.map(statusOf), project, asker(answers));
  expect(routed.map(({ name, status }) => [name, status])).toEqual([
    ['late', 200],
    ['locked', 401],
    ['well', 200],
  ]);
});
