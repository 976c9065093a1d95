// Runs with a service's environment, by `camp run`: what a stranger at the broker can do.
//   publish TYPE DATA     one event, whose data may be anything
//   copy SECONDS          each event that passes is sent again, once or twice, late and out of order
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const here = createRequire(`${process.cwd()}/package.json`);
const { connect, headers } = await import(pathToFileURL(here.resolve('@nats-io/transport-node')).href);
const [verb, ...words] = process.argv.slice(2);
const broker = await connect({ servers: process.env.NATS_URL, maxReconnectAttempts: -1, waitOnFirstConnect: true });

if (verb === 'publish') {
  const [type, data] = words;
  const id = crypto.randomUUID();
  const event = {
    id,
    type,
    source: 'stranger',
    time: new Date().toISOString(),
    data: JSON.parse(data),
    requestId: id,
    traceparent: '',
  };
  // a reply is JetStream's own acknowledgement: it is stored
  const { data: ack } = await broker.request(`events.${type}`, JSON.stringify(event), { timeout: 10_000 });
  console.log(JSON.stringify({ id, ...JSON.parse(new TextDecoder().decode(ack)) }));
} else if (verb === 'copy') {
  const end = Date.now() + Number(words[0]) * 1000;
  let copies = 0;
  const taken = broker.subscribe('events.>');
  const waiting = new Set();
  setTimeout(() => taken.unsubscribe(), Number(words[0]) * 1000);
  console.log('copying');
  for await (const message of taken) {
    if (message.headers?.has('x-copy')) continue;
    for (let i = Math.random() < 0.5 ? 1 : 2; i > 0; i--) {
      const late = Math.min(Math.random() * 3000, Math.max(0, end - Date.now()));
      waiting.add(
        new Promise((done) =>
          setTimeout(() => {
            const marked = headers();
            marked.set('x-copy', '1'); // and no id of a message: the broker would throw the copy away
            for (const name of ['x-request-id', 'traceparent'])
              if (message.headers?.has(name)) marked.set(name, message.headers.get(name));
            broker.publish(message.subject, message.data, { headers: marked });
            copies++;
            done();
          }, late),
        ),
      );
    }
  }
  await Promise.all(waiting);
  await broker.flush();
  console.log(JSON.stringify({ copies }));
}
await broker.close();
