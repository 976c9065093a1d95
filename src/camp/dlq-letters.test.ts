import { expect, test } from 'vitest';
import { type Graves, type Letter, tend } from './dlq-letters.ts';

const letter = (id: string, consumer: string): Letter => ({
  event: { id: `event-${id}`, type: 'things.done', requestId: 'r-1', traceparent: '' },
  ...{ consumer, reason: 'broken', attempts: 5, time: '2026-01-01T00:00:00.000Z', id },
});

test('the letters of a broker and of a database are listed together, and each is replayed where it lies', async () => {
  const replayed: string[] = [];
  const at = (place: string, ...letters: Letter[]): Graves => ({
    letters,
    replay: async ({ id }) => void replayed.push(`${place} ${id}`),
    close: () => undefined,
  });
  const graves = [at('broker', letter('1', 'mail'), letter('2', 'audit')), at('database', letter('3.stock', 'stock'))];
  const listed = JSON.parse(await tend(graves, ['ls', '--json'])) as { letters: readonly Letter[] };
  expect(listed.letters.map(({ id }) => id)).toEqual(['1', '2', '3.stock']);
  await tend(graves, ['replay', 'event-3.stock']);
  await tend(graves, ['replay', '2']);
  expect(replayed).toEqual(['database 3.stock', 'broker 2']);
  await tend(graves, ['replay', '--all']);
  expect(replayed.slice(2)).toEqual(['broker 1', 'broker 2', 'database 3.stock']);
});
