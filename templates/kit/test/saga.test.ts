import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createService } from '../src/index.ts';
import { type TestEnv, testEnv } from '../src/testing.ts';

const steps = [
  { name: 'a', command: 'a.do', done: 'a.done', failed: 'a.failed', undo: 'a.undo', undone: 'a.undone' },
  { name: 'b', command: 'b.do', done: 'b.done', failed: 'b.failed' },
  { name: 'c', command: 'c.do', done: 'c.done', failed: 'c.failed', undo: 'c.undo', undone: 'c.undone' },
];

interface Rig extends AsyncDisposable {
  readonly env: TestEnv;
  readonly ends: string[];
  /** What it asked for, in order. */
  asked(): string[];
  answer(type: string, more?: object): Promise<void>;
}

async function begun(): Promise<Rig> {
  const app = createService('sagas');
  const ends: string[] = [];
  const saga = app.saga<{ n: number }>('steps', {
    steps,
    deadlineMs: 10_000,
    onDone: (_tx, { id, data }) => void ends.push(`done ${id} ${JSON.stringify(data)}`),
    onUndone: (_tx, { id, reason }) => void ends.push(`undone ${id}: ${reason}`),
  });
  const env = await testEnv(app);
  await env.tx((tx) => saga.begin(tx, 's', { n: 1 }));
  await env.tx((tx) => saga.begin(tx, 's', { n: 2 }));
  return {
    env,
    ends,
    asked: () => env.events().map(({ type }) => type),
    answer: (type, more = {}) => env.deliver(type, { sagaId: 's', ...more }),
    [Symbol.asyncDispose]: () => env.close(),
  };
}

test('every step in order; what the answers bring goes along; done once', async () => {
  await using rig = await begun();
  await rig.answer('a.done', { place: 7 });
  await rig.answer('b.done');
  await rig.answer('c.done');
  await rig.answer('c.done');
  assert.deepEqual(rig.asked(), ['a.do', 'b.do', 'c.do']);
  assert.deepEqual(rig.env.events('c.do')[0]?.data, { n: 1, place: 7, sagaId: 's' });
  assert.deepEqual(rig.ends, ['done s {"n":1,"place":7}']);
  await rig.env.advance(60_000);
  assert.deepEqual(rig.asked(), ['a.do', 'b.do', 'c.do'], 'no deadline after the end');
});

test('a failure takes back what is done, in reverse, and passes over what has no undo', async () => {
  await using rig = await begun();
  await rig.answer('a.done');
  await rig.answer('b.done');
  await rig.answer('c.failed', { reason: 'no c' });
  assert.deepEqual(rig.asked(), ['a.do', 'b.do', 'c.do', 'a.undo']);
  assert.deepEqual(rig.ends, []);
  await rig.answer('a.undone');
  assert.deepEqual(rig.ends, ['undone s: no c']);
});

test('the first step fails: nothing to take back', async () => {
  await using rig = await begun();
  await rig.answer('a.failed', { reason: 'no a' });
  assert.deepEqual([rig.asked(), rig.ends], [['a.do'], ['undone s: no a']]);
});

test('the deadline: the step that has not answered is taken back, too, for it may be done', async () => {
  await using rig = await begun();
  await rig.answer('a.done');
  await rig.answer('b.done');
  await rig.env.advance(10_001);
  assert.deepEqual(rig.asked(), ['a.do', 'b.do', 'c.do', 'c.undo']);
  await rig.answer('c.undone');
  await rig.answer('a.undone');
  assert.deepEqual(rig.asked().slice(4), ['a.undo']);
  assert.deepEqual(rig.ends, ['undone s: c took longer than 10000 ms']);
});

test('an undo without an answer is asked for again, for ever', async () => {
  await using rig = await begun();
  await rig.env.advance(10_001);
  for (let times = 0; times < 30; times++) await rig.env.advance(60_001);
  assert.equal(rig.env.events('a.undo').length, 31);
  assert.equal(new Set(rig.env.events('a.undo').map(({ id }) => id)).size, 31, 'each is an event of its own');
  await rig.answer('a.undone');
  assert.deepEqual(rig.ends, ['undone s: a took longer than 10000 ms']);
});

test('a step that is done after it was given up is taken back again, and the end is not told twice', async () => {
  await using rig = await begun();
  await rig.env.advance(10_001);
  await rig.answer('a.undone'); // it had met nothing
  assert.deepEqual(rig.ends.length, 1);
  await rig.answer('a.done'); // and now the work comes
  assert.deepEqual(rig.asked(), ['a.do', 'a.undo', 'a.undo']);
  await rig.env.advance(60_001);
  assert.equal(rig.env.events('a.undo').length, 3, 'until it is undone');
  await rig.answer('a.undone');
  await rig.env.advance(600_000);
  assert.equal(rig.env.events('a.undo').length, 3);
  assert.equal(rig.ends.length, 1);
});

test('a late "done" while it is being taken back asks for the undo again', async () => {
  await using rig = await begun();
  await rig.env.advance(10_001);
  await rig.answer('a.done');
  assert.deepEqual(rig.asked(), ['a.do', 'a.undo', 'a.undo']);
  await rig.answer('a.undone');
  assert.deepEqual(rig.ends, ['undone s: a took longer than 10000 ms']);
});

test('answers out of order, of others and twice change nothing', async () => {
  await using rig = await begun();
  await rig.answer('c.done');
  await rig.answer('b.failed');
  await rig.env.deliver('a.done', { sagaId: 'other' });
  await rig.env.deliver('a.done', {});
  assert.deepEqual([rig.asked(), rig.ends], [['a.do'], []]);
  await rig.answer('a.done');
  await rig.answer('a.done');
  assert.deepEqual(rig.asked(), ['a.do', 'b.do']);
});
