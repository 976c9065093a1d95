import { afterAll, beforeAll, expect, test } from 'vitest';
import { nats, postgres, query, type TestServer, until } from './servers.ts';
import { endAll, type Started, service } from './service.ts';

let database: Awaited<ReturnType<typeof postgres>>;
let broker: Awaited<ReturnType<typeof nats>>;
const roles = ['orders', 'inventory', 'payments'] as const;
type Role = (typeof roles)[number];

beforeAll(async () => {
  [database, broker] = await Promise.all([postgres(), nats()]);
  for (const role of roles) await database.database(role);
});
afterAll(async () => {
  await endAll();
  await database?.[Symbol.asyncDispose]();
  await broker?.[Symbol.asyncDispose]();
});

const start = (role: Role): Promise<Started> =>
  service('shop', { SERVICE: role, DATABASE_URL: database.url(role), NATS_URL: broker.url, SAGA_MS: '8000' });

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function effects(role: Role): Promise<Record<string, string[]>> {
  const rows = await query<{ kind: string; id: string }>(
    database.url(role),
    'select kind, id from effects order by id',
  );
  const by: Record<string, string[]> = {};
  for (const { kind, id } of rows) (by[kind] ??= []).push(id);
  return by;
}

/** Again until there is an answer, with the same key: as a caller that wants its order once. */
async function order(services: Map<Role, Started>, id: string, data: object): Promise<void> {
  await until(
    `${id} is accepted`,
    async () =>
      (await services.get('orders')!.post('/orders', { id, ...data }, { 'idempotency-key': id })).status === 201,
    60_000,
  );
}

/** What is stuck, and what the services say of it. */
async function evidence(services: Map<Role, Started>): Promise<string> {
  const found: unknown[] = [];
  for (const role of roles) {
    const url = database.url(role);
    found.push(
      role,
      await effects(role).then((by) => Object.entries(by).map(([kind, ids]) => `${kind} ${ids.length}`)),
    );
    found.push(
      await query(
        url,
        "select id, state, step, tries, due, reason from camp_sagas where state in ('doing', 'undoing') limit 5",
      ),
    );
    found.push(await query(url, 'select count(*) from camp_outbox'));
    found.push(
      await query(
        url,
        'select pid, state, wait_event, left(query, 80) as query, now() - query_start as age from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      ),
    );
    found.push(
      services
        .get(role)
        ?.lines.slice(-12)
        .map((line) => JSON.stringify(line)),
    );
  }
  return JSON.stringify(found, undefined, 1);
}

test('orders while every service and server is killed and paused in turn: each ends once, and everything adds up', async () => {
  const services = new Map<Role, Started>();
  for (const role of roles) services.set(role, await start(role));
  await Promise.all([...services.values()].map((each) => each.ready()));

  const killed = (role: Role) => async (): Promise<void> => {
    await services.get(role)!.kill();
    services.set(role, await start(role));
  };
  const paused = (role: Role) => async (): Promise<void> => {
    const { child } = services.get(role)!;
    child.kill('SIGSTOP');
    await sleep(2_000);
    child.kill('SIGCONT');
  };
  const restarted = (server: TestServer) => async (): Promise<void> => {
    await server.kill();
    await server.start();
  };
  const hung = (server: TestServer) => async (): Promise<void> => {
    server.pause();
    await sleep(4_000);
    server.resume();
  };
  const faults = [
    killed('inventory'),
    restarted(broker),
    paused('payments'),
    restarted(database),
    killed('orders'),
    hung(broker),
    killed('payments'),
    hung(database),
    paused('orders'),
    restarted(broker),
  ];

  const ids = Array.from({ length: 80 }, (_, index) => `o${index}`);
  const declined = (index: number): boolean => index % 4 === 3;
  const ordering = (async () => {
    const all: Promise<void>[] = [];
    for (const [index, id] of ids.entries()) {
      all.push(order(services, id, { decline: declined(index) }));
      await sleep(150);
    }
    await Promise.all(all);
  })();
  ordering.catch(() => {});
  for (const fault of faults) {
    await fault();
    await sleep(500);
  }
  await ordering;

  try {
    await until(
      'every order ends',
      async () => {
        const { confirmed = [], cancelled = [] } = await effects('orders');
        return confirmed.length + cancelled.length >= ids.length;
      },
      120_000,
    );
  } catch (error) {
    throw new Error(await evidence(services), { cause: error });
  }
  const open = (role: Role): Promise<number> =>
    query(database.url(role), 'select 1 from camp_outbox').then(({ length }) => length);
  const undoing = (): Promise<number> =>
    query(database.url('orders'), "select 1 from camp_sagas where state in ('doing', 'undoing')").then(
      ({ length }) => length,
    );
  await until(
    'nothing is on its way',
    async () => {
      const counts = await Promise.all([...roles.map(open), undoing()]);
      return counts.every((count) => count === 0);
    },
    60_000,
  );

  const { ordered = [], confirmed = [], cancelled = [] } = await effects('orders');
  expect(ordered.toSorted()).toEqual(ids.toSorted());
  expect([...confirmed, ...cancelled].toSorted()).toEqual(ids.toSorted());
  expect(cancelled).toEqual(expect.arrayContaining(ids.filter((_, index) => declined(index))));
  const { reserved = [], released = [] } = await effects('inventory');
  expect(new Set(reserved).size).toBe(reserved.length);
  expect(reserved.filter((id) => !released.includes(id)).toSorted()).toEqual(confirmed.toSorted());
  const { charged = [], refunded = [] } = await effects('payments');
  expect(new Set(charged).size).toBe(charged.length);
  expect(charged.filter((id) => !refunded.includes(id)).toSorted()).toEqual(confirmed.toSorted());
}, 400_000);
