import { once } from 'node:events';
import type { App } from './app.ts';
import { config } from './config.ts';
import { createConsumers } from './consumer.ts';
import { type Database, openDatabase } from './database.ts';
import { createPatientLog, describe, log, toStdout, writeLog } from './log.ts';
import { migrate, prune } from './migrate.ts';
import type { Broker } from './nats.ts';
import { deliverHere, relay } from './outbox.ts';
import { Fatal } from './problem.ts';
import { createHttp } from './server.ts';
import { type Loop, repeat, sleep } from './wait.ts';

const drainMs = 9_000;
/** A database that is there answers before this; health is served from then on, whatever comes. */
const patienceMs = 1_500;

/** The whole life of a service. Ends the process itself. */
export async function start(app: App): Promise<void> {
  writeLog(toStdout); // a service says what it does, whoever started it
  const { parts } = app;
  const loops: Loop[] = [];
  let why: string | undefined = 'starting';
  let broker: Broker | undefined;
  let sender: Loop | undefined;
  const database = parts.database && (await openDatabase(process.env['SERVICE'] || app.name).catch(fail));
  parts.runtime = { database, transport: fetch, now: Date.now };
  const unwell = (error: unknown) => `the database does not answer: ${describe(error)}`;
  const trouble = async () => database?.check().then(() => broker?.trouble(), unwell);
  const http = createHttp(app, { closed: () => why, trouble });

  stopOnSignals(async () => {
    const drained = http.server.listening ? http.drain() : undefined;
    await Promise.all([drained, broker?.drain(), ...loops.map((loop) => loop.stop())]);
    await sender?.stop();
    await broker?.close();
    await database?.close();
  });
  const opened = database && migrated(database).then(() => open(database), fail);
  await Promise.race([opened, sleep(patienceMs)]);
  await listen();
  await opened;
  why = undefined;
  log('ready');

  async function listen(): Promise<void> {
    const [host, port] = [config('HOST', '0.0.0.0'), config.number('PORT', 8080)];
    http.server.once('error', ({ message }) => fail(new Fatal(`cannot listen on ${host}:${port}: ${message}`)));
    await once(http.server.listen(port, host), 'listening');
    log('listening', { host, port });
  }

  /** There is no end to patience: what is not there yet comes. */
  async function migrated(ready: Database): Promise<void> {
    const complain = createPatientLog();
    for (let tries = 1; ; tries++) {
      try {
        return await migrate(ready, parts.database?.migrations);
      } catch (error) {
        if (!ready.isPassing(error)) throw error;
        why = `waiting for the database: ${describe(error)}`;
        complain(why);
        await sleep(Math.min(1_000, 50 * tries));
      }
    }
  }

  async function open(ready: Database): Promise<void> {
    const consumers = createConsumers(parts.handled, ready);
    const url = process.env['NATS_URL'];
    broker = url ? (await import('./nats.ts')).openNats(url, ready.service, consumers) : undefined;
    sender = broker ? relay(ready, broker.publish) : deliverHere(ready, consumers);
    ready.afterCommit = sender.kick;
    for (const saga of parts.sagas)
      loops.push(repeat('cannot look after sagas', async () => ((await saga.tick(ready)) ? 0 : 500)));
    loops.push(repeat('cannot tidy up', () => prune(ready)));
  }
}

/** SIGTERM: no new work, what is in flight ends, exit 0. A second signal, or 9 s, end it at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log('draining', { signal });
    const drained = stop().catch(fail);
    const late = sleep(drainMs).then(() => log.warn('not drained in time'));
    void Promise.race([drained, late]).then(() => process.exit(0));
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
}

/** Said twice: as a line of the log, and plainly for whoever looks at the terminal. */
function fail(error: unknown): never {
  const message = error instanceof Fatal ? error.message : ((error as Error)?.stack ?? String(error));
  log.error(message);
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
