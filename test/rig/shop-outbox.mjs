// Runs with a service's environment, by `camp run`: TYPE DATA is one event as its own code would have emitted it, whose data may be anything.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const here = createRequire(`${process.cwd()}/package.json`);
const { default: pg } = await import(pathToFileURL(here.resolve('pg')).href);
const [type, data] = process.argv.slice(2);
const id = crypto.randomUUID();
const event = { id, type, source: 'stranger', time: new Date().toISOString(), data: JSON.parse(data), requestId: id };
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
await client.query('insert into camp_outbox (id, body) values ($1, $2)', [id, JSON.stringify(event)]);
await client.end();
console.log(JSON.stringify({ id }));
