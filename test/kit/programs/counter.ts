/** A consumer, and somebody who emits: what it did is in the table effects, without a unique key. */
import { existsSync } from 'node:fs';
import { createService, Problem, Terminal } from '../../../templates/kit/src/index.ts';

const app = createService('counter');
app.database({ migrations: new URL('migrations/', import.meta.url) });

app.route('POST', '/emit', async (call) => {
  const { type = 'things.done', ids, fail } = await call.json<{ type?: string; ids: string[]; fail?: boolean }>();
  await call.tx(async (tx) => {
    for (const id of ids) await tx.emit(type, { id });
    if (fail) throw new Problem(409, 'changed my mind');
  });
  return { status: 202, body: {} };
});
app.route('GET', '/slow', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  return { body: { slow: true } };
});
app.route('GET', '/effects', (call) =>
  call.tx(async (tx) => ({
    body: await tx.query('select id, count(*) as times from effects where kind = $1 group by id', ['handled']),
  })),
);

if (process.env['CONSUME'] !== 'no') {
  app.on<{ id: string }>('things.done', async (event, tx) => {
    if (event.data.id.startsWith('poison') && !existsSync(process.env['CURE'] ?? '/nowhere'))
      throw new Error(`cannot digest ${event.data.id}`);
    if (event.data.id.startsWith('terminal')) throw new Terminal('unknown product');
    await tx.query('insert into effects (kind, id) values ($1, $2)', ['handled', event.data.id]);
    // long enough for a test to stop the process in the middle
    if (event.data.id.startsWith('slow')) {
      console.log(JSON.stringify({ msg: 'in the middle' }));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    }
  });
}
await app.start();
