/** Three services in one program, chosen by SERVICE: enough of a shop to lose, double or forget something in. */
import { writeFileSync } from 'node:fs';
import { createService, type Tx } from '../../../templates/kit/src/index.ts';

const role = process.env['SERVICE'] ?? 'orders';
const app = createService(role);
app.database({ migrations: new URL('migrations/', import.meta.url) });

/** Without a unique key: what happens twice is there twice. */
const effect = (tx: Tx, kind: string, id: unknown) =>
  tx.query('insert into effects (kind, id) values ($1, $2)', [kind, id]);
const did = async (tx: Tx, kind: string, id: unknown) =>
  (await tx.query('select 1 from effects where kind = $1 and id = $2 limit 1', [kind, id])).length > 0;

/** Ends this process as kill -9 does, the first time only: CRASH is the point, CRASHED the file that remembers. */
function crashAt(point: string): void {
  if (process.env['CRASH'] !== point) return;
  try {
    writeFileSync(process.env['CRASHED'] ?? '', '', { flag: 'wx' });
  } catch {
    return;
  }
  process.kill(process.pid, 'SIGKILL');
}

// the line that says that an event was handled is written after the commit and before the acknowledgement
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = ((text: string, ...rest: []) => {
  const line = JSON.parse(text) as { msg: string; type?: string };
  if (line.msg === 'event') crashAt(`after ${line.type}`);
  return write(text, ...rest);
}) as typeof process.stdout.write;

if (role === 'orders') {
  const order = app.saga<{ decline?: boolean; hang?: boolean }>('order', {
    deadlineMs: Number(process.env['SAGA_MS'] ?? 60_000),
    steps: [
      {
        name: 'reserve',
        command: 'inventory.reserve',
        done: 'inventory.reserved',
        failed: 'inventory.rejected',
        undo: 'inventory.release',
        undone: 'inventory.released',
      },
      {
        name: 'pay',
        command: 'payments.charge',
        done: 'payments.charged',
        failed: 'payments.declined',
        undo: 'payments.refund',
        undone: 'payments.refunded',
      },
    ],
    onDone: (tx, { id }) => effect(tx, 'confirmed', id),
    onUndone: (tx, { id }) => effect(tx, 'cancelled', id),
  });
  app.route(
    'POST',
    '/orders',
    async (call) => {
      const { id, ...data } = await call.json<{ id: string }>();
      await call.tx(async (tx) => {
        await effect(tx, 'ordered', id);
        await order.begin(tx, id, data);
        crashAt('in order');
      });
      crashAt('after order');
      return { status: 201, body: { id } };
    },
    { idempotent: true },
  );
}

if (role === 'inventory') {
  /** An undo that has no answer yet is asked for again, as an event of its own: without this both would find nothing done. */
  const turn = (tx: Tx, id: unknown) => tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [id]);
  app.on('inventory.reserve', async (event, tx) => {
    await turn(tx, event.data.sagaId);
    if (await did(tx, 'released', event.data.sagaId)) return; // it had been given up before it came
    await effect(tx, 'reserved', event.data.sagaId);
    await tx.emit('inventory.reserved', { sagaId: event.data.sagaId });
    crashAt('in inventory.reserve');
  });
  app.on('inventory.release', async (event, tx) => {
    await turn(tx, event.data.sagaId);
    if (!(await did(tx, 'released', event.data.sagaId))) await effect(tx, 'released', event.data.sagaId);
    await tx.emit('inventory.released', { sagaId: event.data.sagaId });
    crashAt('in inventory.release');
  });
}

if (role === 'payments') {
  app.on('payments.charge', async (event, tx) => {
    const { sagaId, decline } = event.data;
    if (decline) {
      await tx.emit('payments.declined', { sagaId, reason: 'declined' });
    } else {
      await effect(tx, 'charged', sagaId);
      await tx.emit('payments.charged', { sagaId });
    }
    crashAt('in payments.charge');
  });
  app.on('payments.refund', async (event, tx) => {
    await effect(tx, 'refunded', event.data.sagaId);
    await tx.emit('payments.refunded', { sagaId: event.data.sagaId });
  });
}

app.route('GET', '/effects', (call) =>
  call.tx(async (tx) => ({
    body: await tx.query('select kind, id, count(*) as times from effects group by kind, id'),
  })),
);
await app.start();
