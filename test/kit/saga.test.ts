import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nats, postgres, query, until } from './servers.ts';
import { endAll, type Started, service } from './service.ts';

let database: Awaited<ReturnType<typeof postgres>>;
let broker: Awaited<ReturnType<typeof nats>>;
const folder = mkdtempSync(join(tmpdir(), 'kit-saga-'));
const roles = ['orders', 'inventory', 'payments'] as const;
type Role = (typeof roles)[number];

beforeAll(async () => {
  [database, broker] = await Promise.all([postgres(), nats()]);
  for (const role of roles) await database.database(role);
});
afterEach(endAll);
afterAll(async () => {
  await database?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const start = (role: Role, env: Record<string, string> = {}): Promise<Started> =>
  service('shop', { SERVICE: role, DATABASE_URL: database.url(role), NATS_URL: broker.url, ...env });

const effects = async (role: Role, id: string): Promise<string[]> =>
  (await query<{ kind: string }>(database.url(role), 'select kind from effects where id = $1 order by kind', [id])).map(
    ({ kind }) => kind,
  );

const points: readonly [Role, string][] = [
  ['orders', 'after order'],
  ['orders', 'in order'],
  ['inventory', 'in inventory.reserve'],
  ['inventory', 'after inventory.reserve'],
  ['orders', 'after inventory.reserved'],
  ['payments', 'in payments.charge'],
  ['payments', 'after payments.charge'],
  ['orders', 'after payments.charged'],
  ['orders', 'after payments.declined'],
  ['inventory', 'in inventory.release'],
  ['inventory', 'after inventory.release'],
  ['orders', 'after inventory.released'],
];

test.each(points)('%s killed %s: every step is done once, and what is declined is taken back', async (role, point) => {
  const crash = { CRASH: point, CRASHED: join(folder, point.replaceAll(' ', '-')) };
  const running = new Map<Role, Started>();
  await Promise.all(roles.map(async (each) => running.set(each, await start(each, each === role ? crash : {}))));
  // not the victim: an answer that the test before has left may end it as soon as it starts
  const others = roles.filter((each) => each !== role);
  await Promise.all(others.map((each) => running.get(each)!.ready()));
  const [good, bad] = [`good ${point}`, `bad ${point}`];
  const victim = running.get(role) as Started;
  const back = victim.ended.then(async () => running.set(role, await start(role)));
  await order(running, good, {});
  await order(running, bad, { decline: true });
  expect(await victim.ended).toBe('SIGKILL');
  await back;
  await until(
    'both orders end',
    async () => (await effects('orders', good)).length > 1 && (await effects('orders', bad)).length > 1,
  );
  expect([await effects('orders', good), await effects('inventory', good), await effects('payments', good)]).toEqual([
    ['confirmed', 'ordered'],
    ['reserved'],
    ['charged'],
  ]);
  expect([await effects('orders', bad), await effects('inventory', bad), await effects('payments', bad)]).toEqual([
    ['cancelled', 'ordered'],
    ['released', 'reserved'],
    [],
  ]);
});

/** As a caller does that wants it done: the same key until there is an answer. */
async function order(running: Map<Role, Started>, id: string, data: object): Promise<void> {
  await until(`${id} accepted`, async () => {
    const { status } = await (running.get('orders') as Started).post(
      '/orders',
      { id, ...data },
      { 'idempotency-key': id },
    );
    return status === 201;
  });
}
