import { type App, inside } from './app.ts';
import { createTransact, lazyClient, subscriptions } from './assemble.ts';
import { type Broker, openBroker } from './broker.ts';
import { config } from './config.ts';
import { type Database, openDatabase } from './database.ts';
import { bury } from './dead-letters.ts';
import { createPatientLog, describe, log, printLog } from './log.ts';
import { migrate } from './migrate.ts';
import { createRelay, type Relay } from './outbox.ts';
import { Fatal, Unavailable } from './problem.ts';
import { pruneHourly } from './prune.ts';
import { watchSagas } from './saga.ts';
import { createHttp, type HttpServer } from './server.ts';
import { sleep } from './wait.ts';

const drainMs = 9_000;
/** A database that is there answers before this; health is served from then on, whatever comes. */
const patienceMs = 1_500;

/** The whole life of a service. Ends the process itself. */
export async function start(app: App): Promise<void> {
  printLog();
  const declared = inside(app).declared();
  const service = process.env['SERVICE'] || app.name;
  let why: string | undefined = 'starting';
  let database: Database | undefined;
  let broker: Broker | undefined;
  let relay: Relay | undefined;
  let sagas: ReturnType<typeof watchSagas> | undefined;
  let tidying: ReturnType<typeof pruneHourly> | undefined;
  const kick = () => relay?.kick();

  try {
    if (declared.database) database = await openDatabase(service, declared.database.url);
  } catch (error) {
    return fail(error);
  }
  const tx = createTransact(service, database, kick);
  const client = lazyClient(async () => (await import('./client.ts')).createClient());
  inside(app).bind({ database, client, tx, now: Date.now });
  const http = createHttp({ routes: declared.routes, database, client, tx, closed: () => why, trouble });
  stopOnSignals(stop);

  let listening: Promise<void> | undefined;
  const listenOnce = () => (listening ??= listen(http).catch(fail));
  const early = setTimeout(listenOnce, patienceMs);
  if (database) await migrated(database);
  if (database) {
    broker = await openBroker(service, (letter) => bury(database as Database, letter));
    relay = createRelay(database, broker);
    const parts = { service, database, kick, now: Date.now };
    for (const subscription of subscriptions(app, parts)) broker.subscribe(subscription);
    sagas = watchSagas(declared.sagas, parts);
    tidying = pruneHourly(database);
  }
  why = undefined;
  clearTimeout(early);
  await listenOnce();
  log('ready');

  /** There is no end to patience: what is not there yet comes. */
  async function migrated(ready: Database): Promise<void> {
    const complain = createPatientLog();
    for (let tries = 1; ; tries++) {
      try {
        await migrate(ready, declared.database?.migrations);
        return;
      } catch (error) {
        if (!ready.isUnavailable(error)) return fail(error);
        why = `waiting for the database: ${describe(error instanceof Unavailable ? (error.cause ?? error) : error)}`;
        complain(why);
        await sleep(Math.min(1_000, 50 * tries));
      }
    }
  }

  async function trouble(): Promise<string | undefined> {
    try {
      await database?.check();
    } catch (error) {
      return `the database does not answer: ${describe(error)}`;
    }
    return broker?.trouble();
  }

  async function stop(): Promise<void> {
    const drained = http.server.listening ? http.drain() : Promise.resolve();
    await Promise.all([drained, broker?.drain(), sagas?.stop(), tidying?.stop()]);
    await relay?.stop();
    for (const work of declared.stops) await work();
    await broker?.close();
    await database?.close();
  }
}

function listen({ server }: HttpServer): Promise<void> {
  const port = config.number('PORT', 8080);
  const host = config('HOST', '0.0.0.0');
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Fatal(`cannot listen on ${host}:${port}: ${error.message}`)));
    server.listen(port, host, () => {
      log('listening', { host, port });
      resolve();
    });
  });
}

/** SIGTERM: no new work, what is in flight ends, exit 0. A second signal, or 9 s, end it at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    log('draining', { signal });
    setTimeout(() => {
      log.warn('not drained in time');
      process.exit(0);
    }, drainMs);
    stop().then(
      () => process.exit(0),
      (error) => {
        log.error(describe(error));
        process.exit(1);
      },
    );
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
