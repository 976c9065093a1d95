import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask } from '../rig/client.ts';
import { Cluster, createHome, eventually, type Home } from '../rig/cluster.ts';

/*
 * Events between languages over a real NATS: orders (Node, with the kit) emits orders.created, which audit (Python) and ships
 * (Go) handle; what they emit for it comes to mails (a worker, Node). Everything is as `camp add` makes it but for the
 * lines in which the handlers of Python and Go write down what they do, and fail where they are told to.
 */

const registries = [
  ['PyPI', 'https://pypi.org/simple/nats-py/'],
  ['the Go module proxy', 'https://proxy.golang.org/github.com/nats-io/nats.go/@v/list'],
] as const;

/** Why this cannot be tried here, if it cannot. */
async function lacking(): Promise<string | undefined> {
  const programs = [
    ['go', 'version'],
    ['python3', '--version'],
  ].filter(([program = '', arg = '']) => spawnSync(program, [arg]).status !== 0);
  if (programs.length > 0) return `not on PATH: ${programs.map(([program]) => program).join(', ')}`;
  for (const [name, url] of registries) {
    const reached = await fetch(url, { signal: AbortSignal.timeout(20_000) }).catch((error: Error) => error);
    if (reached instanceof Error || !reached.ok) return `${name} cannot be reached`;
  }
  return undefined;
}

const why = await lacking();
if (why && !process.env['CI']) console.warn(`skipped: events between Node, Python and Go: ${why}`);

/** How this machine reaches the registries. */
function passRegistries(home: Home): void {
  for (const [name, value] of Object.entries(process.env))
    if (/^(?:PIP_|GO(?:PROXY|FLAGS|SUMDB)$|SSL_CERT_FILE$|https?_proxy$)/i.test(name)) home.env[name] = value;
}

const services = ['audit', 'ships'] as const;
type Name = (typeof services)[number];

interface Line {
  readonly service: string;
  readonly line: string;
}

interface Letter {
  readonly id: string;
  readonly consumer: string;
  readonly reason: string;
  readonly attempts: number;
  readonly time: string;
  readonly event: Readonly<Record<string, unknown>>;
}

// with CI set a missing language or registry is a failure
describe.skipIf(why && !process.env['CI'])('events between Node, Python and Go', () => {
  let home: Home;
  let way: Cluster;
  let nats = '';
  /** Outside of the project, where no change restarts a service. */
  let told: string;

  beforeAll(async () => {
    if (why) throw new Error(why);
    home = createHome();
    told = join(home.dir, 'told');
    mkdirSync(told);
    passRegistries(home);
    // what Go has downloaded already it has for everybody
    home.env['GOMODCACHE'] = process.env['GOMODCACHE'] ?? join(homedir(), 'go/pkg/mod');
    way = new Cluster(home, 'poly');
    mkdirSync(way.dir);
    await way.camp(['init', '.', '--starter', 'empty', '--yes']);
    await way.camp(['add', 'nats', '--yes']);
    await way.camp(['add', 'postgres', 'orders-db', '--yes']);
    await way.camp(['add', 'service', 'orders', '--template', 'node', '--needs', 'nats,orders-db', '--yes']);
    const on = ['--needs', 'nats', '--on', 'orders.created', '--yes'];
    await way.camp(['add', 'service', 'audit', '--template', 'python', ...on]);
    await way.camp(['add', 'service', 'ships', '--template', 'go', ...on]);
    await way.camp(['add', 'service', 'mails', '--template', 'worker', '--on', 'audit.done', '--yes']);
    way.edit('services/audit/main.py', '    event.emit(', `${python(told)}    event.emit(`);
    way.edit('services/ships/main.go', '	_, err := event.Emit(', `${go(told)}	_, err := event.Emit(`);
    way.edit('services/ships/main.go', '	"net/http"\n', '	"errors"\n	"net/http"\n	"os"\n');
    way.edit('services/ships/main.go', '	"strings"\n', '	"strings"\n	"time"\n');
    const up = way.start(['up', '-d', '--native']);
    const code = await up.exits(400_000);
    if (code !== 0) throw new Error(`camp up ended with ${code}\n${up.output}`);
    nats = String((await way.ps()).services.find(({ name }) => name === 'nats')?.url).replace('nats://', '');
  }, 460_000);
  afterAll(async () => {
    await way?.[Symbol.asyncDispose]();
    home?.[Symbol.dispose]();
  });

  const order = async (text: string, id?: string): Promise<void> => {
    const { status } = await ask({
      host: 'poly.localhost',
      port: way.https,
      caFile: way.caFile,
      path: '/api/orders/',
      method: 'POST',
      body: { text },
      ...(id ? { headers: { 'x-request-id': id } } : {}),
    });
    expect(status).toBe(201);
  };

  /** What a service has done, a word a line: `begun TEXT` or `TEXT`. */
  const doneBy = (name: Name): readonly string[] =>
    existsSync(join(told, name)) ? readFileSync(join(told, name), 'utf8').split('\n').filter(Boolean) : [];
  const timesOf = (name: Name, text: string): number => doneBy(name).filter((line) => line === text).length;

  const lines = async (...args: string[]): Promise<readonly Line[]> =>
    (await way.camp(['logs', ...args, '--json'])).stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Line);

  /** The lines of a service's log, as objects. */
  const said = async (name: Name): Promise<readonly Record<string, unknown>[]> =>
    (await lines(name)).flatMap(({ line }) =>
      line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : [],
    );

  const letters = async (): Promise<readonly Letter[]> =>
    (JSON.parse((await way.camp(['dlq', 'ls', '--json'])).stdout) as { letters: Letter[] }).letters;

  /** Sends it as a message of its own, without an id that the broker would know it by. */
  const publish = async (...bodies: string[]): Promise<void> => {
    const connection = await connect({ servers: nats });
    for (const body of bodies) await jetstream(connection).publish('events.orders.created', body);
    await connection.close();
  };

  const envelope = (id: string, text: string): string =>
    JSON.stringify({
      ...{ id, type: 'orders.created', source: 'test', time: new Date().toISOString(), data: { text } },
      ...{ requestId: id, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    });

  test('one request goes through all three languages, and its id shows the way', async () => {
    await order('first', 'through-all-three');
    const stations = await eventually(
      'the request came to mails',
      async () => {
        const seen = await lines('--request', 'through-all-three');
        const names = [...new Set(seen.map(({ service }) => service))];
        return ['mails', 'ships'].every((name) => names.includes(name)) ? { seen, names } : undefined;
      },
      30_000,
    );
    expect(stations.names.slice(0, 2)).toEqual(['edge', 'orders']);
    expect(stations.names.indexOf('audit')).toBeLessThan(stations.names.indexOf('mails'));
    expect(stations.names.toSorted()).toEqual(['audit', 'edge', 'mails', 'orders', 'ships']);
    const ids = stations.seen.map(({ line }) => JSON.parse(line) as { requestId: string; traceId: string });
    expect(new Set(ids.map(({ requestId }) => requestId))).toEqual(new Set(['through-all-three']));
    expect(new Set(ids.map(({ traceId }) => traceId)).size, 'one trace').toBe(1);
  });

  test('the line of an event is the same in each language', async () => {
    const handled = (await lines('--request', 'through-all-three'))
      .map(({ line }) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'event');
    expect(handled.map(({ service }) => service).toSorted()).toEqual(['audit', 'mails', 'ships']);
    const [first, ...others] = handled.map((line) => Object.keys(line).toSorted());
    for (const keys of others) expect(keys).toEqual(first);
    expect(handled.find(({ service }) => service === 'audit')).toMatchObject({
      level: 'info',
      type: 'orders.created',
      consumer: 'audit_orders_created',
      deliveries: 1,
      ms: expect.any(Number),
    });
  });

  test('the same event as several messages has its effect once', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `twice-${index}`);
    const bodies = names.map((name) => envelope(name, name));
    await publish(...bodies, ...bodies.toReversed());
    for (const name of services) {
      await eventually(
        `${name} has had all of them twice`,
        async () => {
          const mine = (await said(name)).filter(({ eventId }) => String(eventId).startsWith('twice-'));
          return mine.filter(({ msg }) => String(msg).startsWith('event')).length === 2 * names.length;
        },
        40_000,
      );
      expect(
        doneBy(name)
          .filter((line) => line.startsWith('twice-'))
          .toSorted(),
      ).toEqual(names.toSorted());
    }
  });

  test('what was done before a restart is not done again after it', async () => {
    for (const name of services) await way.camp(['restart', name]);
    await publish(envelope('twice-0', 'twice-0'));
    for (const name of services) {
      await eventually(
        `${name} has had it a third time`,
        async () => (await said(name)).filter(({ eventId }) => eventId === 'twice-0').length === 3,
        40_000,
      );
      expect(timesOf(name, 'twice-0')).toBe(1);
    }
  });

  test('killed before it is acknowledged: delivered again, and done by the next process', async () => {
    await order('hangs');
    for (const name of services) await eventually(`${name} is at it`, () => timesOf(name, 'begun hangs') === 1, 20_000);
    for (const name of services) process.kill(await way.pid(name), 'SIGKILL');
    for (const name of services) {
      await eventually(
        `${name} has done it`,
        () => timesOf(name, 'hangs') === 1,
        60_000,
        () => doneBy(name),
      );
      await eventually(
        `${name} says so`,
        async () => (await said(name)).some(({ msg, deliveries }) => msg === 'event' && Number(deliveries) > 1),
        20_000,
      );
    }
  }, 180_000);

  test('killed after the work and before it is marked: the work is done again, as the README of the service says', async () => {
    await order('half-way');
    for (const name of services) await eventually(`${name} did it`, () => timesOf(name, 'half-way') === 1, 20_000);
    for (const name of services) process.kill(await way.pid(name), 'SIGKILL');
    for (const name of services)
      await eventually(
        `${name} did it again`,
        () => timesOf(name, 'half-way') === 2,
        60_000,
        () => doneBy(name),
      );
  }, 180_000);

  test('SIGTERM: what is at work is finished and acknowledged, and not delivered again', async () => {
    await order('takes-long', 'takes-long');
    for (const name of services)
      await eventually(`${name} is at it`, () => timesOf(name, 'begun takes-long') === 1, 20_000);
    for (const name of services) await way.camp(['restart', name]);
    for (const name of services) {
      expect(timesOf(name, 'takes-long')).toBe(1);
      const about = (await said(name)).filter(({ requestId }) => requestId === 'takes-long');
      expect(about.map(({ msg, deliveries }) => ({ msg, deliveries }))).toEqual([{ msg: 'event', deliveries: 1 }]);
    }
    const connection = await connect({ servers: nats });
    const { consumers } = await jetstreamManager(connection);
    for (const name of services)
      expect((await consumers.info('events', `${name}_orders_created`)).num_ack_pending).toBe(0);
    await connection.close();
  });

  test('poison is a dead letter after five tries, as those of the kit are, and is handled when it is replayed', async () => {
    await order('poison', 'poisoned-request');
    const dead = await eventually(
      'both have given it up',
      async () => {
        const all = await letters();
        return all.length === 2 ? all : undefined;
      },
      60_000,
    );
    expect(dead.map(({ consumer }) => consumer).toSorted()).toEqual(['audit_orders_created', 'ships_orders_created']);
    for (const letter of dead) {
      expect(letter).toMatchObject({
        reason: 'cannot digest poison',
        attempts: 5,
        event: { type: 'orders.created', source: 'orders', requestId: 'poisoned-request', data: { text: 'poison' } },
      });
      expect(Object.keys(letter).toSorted()).toEqual(['attempts', 'consumer', 'event', 'id', 'reason', 'time']);
      expect(Object.keys(letter.event).toSorted()).toEqual(envelopeKeys);
    }
    writeFileSync(join(told, 'cure'), '');
    await way.camp(['dlq', 'replay', '--all']);
    for (const name of services) {
      await eventually(`${name} has handled it`, () => timesOf(name, 'poison') === 1, 30_000);
      expect(timesOf(name, 'begun poison')).toBe(6);
    }
    expect(await letters()).toEqual([]);
  }, 180_000);

  test('what is no event is a dead letter at once, and holds nobody up', async () => {
    await publish('not even JSON', '{"id": 5}', envelope('after-it', 'after-it'));
    for (const name of services) await eventually(`${name} goes on`, () => timesOf(name, 'after-it') === 1, 20_000);
    const dead = await eventually(
      'two of each',
      async () => {
        const all = await letters();
        return all.length === 4 ? all : undefined;
      },
      20_000,
    );
    for (const letter of dead) {
      expect(letter).toMatchObject({ attempts: 1, reason: expect.stringMatching(/^not an event/) });
      expect(Object.keys(letter.event).toSorted()).toEqual(envelopeKeys);
    }
  });

  test('when the broker has been killed and is back, they go on', async () => {
    process.kill(await way.pid('nats'), 'SIGKILL');
    await eventually('nats is back', async () => (await way.service('nats')).state === 'ready', 30_000);
    await order('after the broker was away');
    for (const name of services)
      await eventually(`${name} goes on`, () => timesOf(name, 'after the broker was away') === 1, 40_000);
  });

  test('the tests of the services pass in a cluster of their own', async () => {
    const run = way.start(['test', 'audit', 'ships', '--native']);
    const code = await run.exits(240_000);
    expect(code, run.output).toBe(0);
    expect(run.stdout).toMatch(/audit +passed/);
    expect(run.stdout).toMatch(/ships +passed/);
  }, 260_000);
});

describe.skipIf(why && !process.env['CI'])('a project of Python alone', () => {
  test('has no kit, and its dead letters are listed, shown and replayed all the same', async () => {
    if (why) throw new Error(why);
    using home = createHome();
    passRegistries(home);
    await using alone = new Cluster(home, 'alone');
    mkdirSync(alone.dir);
    await alone.camp(['init', '.', '--starter', 'empty', '--yes']);
    await alone.camp(['add', 'nats', '--yes']);
    await alone.camp(['add', 'service', 'audit', '--template', 'python', '--needs', 'nats', '--yes']);
    expect(existsSync(alone.path('packages'))).toBe(false);
    expect((await alone.camp(['dlq', 'ls'], [2])).stderr).toContain('NOT_RUNNING');
    const up = alone.start(['up', '-d', '--native']);
    expect(await up.exits(200_000), up.output).toBe(0);
    expect((await alone.camp(['dlq', 'ls'])).stdout).toBe('no dead letters\n');
    const url = String((await alone.service('nats')).url).replace('nats://', '');
    const connection = await connect({ servers: url });
    const said = '{"id": "e1", "type": "audit.requested", "data": null, "requestId": "lonely"}';
    // the service makes the streams when it is connected, a moment after it is ready; twice would be one message
    await eventually('the stream is there', () =>
      jetstream(connection)
        .publish('events.audit.requested', said, { msgID: 'e1' })
        .catch(() => undefined),
    );
    await connection.close();
    const letters = async (): Promise<readonly Letter[]> =>
      (JSON.parse((await alone.camp(['dlq', 'ls', '--json'])).stdout) as { letters: Letter[] }).letters;
    const first = await eventually('it is dead', async () => (await letters())[0], 20_000);
    expect(first).toMatchObject({ consumer: 'audit_audit_requested', reason: 'the event has no data', attempts: 1 });
    expect(JSON.parse((await alone.camp(['dlq', 'show', 'e1'])).stdout)).toEqual(first);
    expect((await alone.camp(['dlq', 'replay', '99'], [2])).stderr).toContain('NO_DEAD_LETTER');
    await alone.camp(['dlq', 'replay', first.id]);
    const second = await eventually(
      'it has died again',
      async () => (await letters()).find(({ id }) => id !== first.id),
      20_000,
    );
    expect(second.event).toMatchObject({ id: 'e1', requestId: 'lonely' });
    expect(await letters()).toHaveLength(1);
  }, 300_000);
});

const envelopeKeys = ['data', 'id', 'requestId', 'source', 'time', 'traceparent', 'type'];

/** Lines of a handler in Python that do what the text of the order says. */
const python = (folder: string): string =>
  [
    `    import os, time`,
    `    folder, text = ${JSON.stringify(folder)}, event.data.get("text", "")`,
    `    def tell(line):`,
    `        with open(folder + "/audit", "a") as file: file.write(line + "\\n")`,
    `    tell("begun " + text)`,
    `    if text == "hangs" and event.deliveries == 1: time.sleep(600)`,
    `    if text == "takes-long": time.sleep(2)`,
    `    if text == "poison" and not os.path.exists(folder + "/cure"): raise ValueError("cannot digest poison")`,
    `    tell(text)`,
    `    if text == "half-way" and event.deliveries == 1: time.sleep(600)`,
    '',
  ].join('\n');

/** The same in Go. */
const go = (folder: string): string =>
  [
    `	text, _ := data["text"].(string)`,
    `	folder := ${JSON.stringify(folder)}`,
    `	tell := func(line string) {`,
    `		file, _ := os.OpenFile(folder+"/ships", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)`,
    `		defer file.Close()`,
    `		file.WriteString(line + "\\n")`,
    `	}`,
    `	tell("begun " + text)`,
    `	if text == "hangs" && event.Deliveries == 1 { time.Sleep(600 * time.Second) }`,
    `	if text == "takes-long" { time.Sleep(2 * time.Second) }`,
    `	if _, err := os.Stat(folder + "/cure"); text == "poison" && err != nil { return errors.New("cannot digest poison") }`,
    `	tell(text)`,
    `	if text == "half-way" && event.Deliveries == 1 { time.Sleep(600 * time.Second) }`,
    '',
  ].join('\n');
