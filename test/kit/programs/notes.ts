/** A service with a database and nothing else. MIGRATIONS is the folder. */
import { createService } from '../../../templates/kit/src/index.ts';

const app = createService('notes');
app.database({ migrations: process.env['MIGRATIONS'] ?? '' });
app.route('POST', '/notes', async (call) => {
  const { id } = await call.json<{ id: string }>();
  await call.tx((tx) => tx.query('insert into notes (id) values ($1)', [id]));
  return { status: 201, body: { id } };
});
app.route('POST', '/careless', async (call) => {
  await call.tx(async (tx) => {
    await tx.query("insert into notes (id) values ('same')");
    await tx.query("insert into notes (id) values ('same')").catch(() => undefined);
  });
  return { status: 201, body: {} };
});
app.route(
  'POST',
  '/once',
  async (call) => {
    const id = `once-${crypto.randomUUID()}`;
    await call.tx((tx) => tx.query('insert into notes (id) values ($1)', [id]));
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { status: 201, body: { id } };
  },
  { idempotent: true },
);
await app.start();
