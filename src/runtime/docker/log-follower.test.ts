import { expect, it } from 'vitest';
import { CampError, failure } from '../../kit/failure.ts';
import type { Api, ContainerDetail, LogLine, LogQuery } from './engine/types.ts';
import { LogFollower } from './log-follower.ts';

const at = (second: number, text: string): LogLine => ({
  stream: 'stdout',
  line: text,
  time: `2026-01-01T00:00:0${second}.000000000Z`,
});
const run = (second: number, status: 'running' | 'exited' = 'running'): ContainerDetail =>
  ({ startedAt: `2026-01-01T00:00:0${second}.000000000Z`, status, hasTty: false }) as unknown as ContainerDetail;

/** An engine that answers each request for logs as told; it repeats what is asked for again, as real ones do. */
function fakeLogs(
  answers: readonly { readonly lines: readonly LogLine[]; readonly isCut?: boolean }[],
  now: () => ContainerDetail,
) {
  const queries: LogQuery[] = [];
  const shown: string[] = [];
  const api = {
    async logs(_: string, query: LogQuery, onLine: (line: LogLine) => void) {
      const answer = answers[queries.length];
      queries.push(query);
      for (const line of answer?.lines ?? []) onLine(line);
      if (answer?.isCut) throw new CampError(failure('machine', 'ENGINE_UNREACHABLE', 'cut'));
    },
    inspectContainer: async () => now(),
  } as unknown as Api;
  const follower = new LogFollower({
    api,
    containerId: 'c',
    onLine: ({ line }) => shown.push(line),
    pressure: () => undefined,
    engineIsBack: async () => undefined,
  });
  return { follower, queries, shown };
}

it('shows each line once when the connection was cut, also lines of one moment', async () => {
  const { follower, queries, shown } = fakeLogs(
    [
      { lines: [at(1, 'a'), at(2, 'b'), at(2, 'c')], isCut: true },
      { lines: [at(2, 'b'), at(2, 'c'), at(2, 'd')], isCut: true },
      { lines: [at(2, 'b'), at(2, 'c'), at(2, 'd'), at(3, 'e')] },
    ],
    () => run(0, 'exited'),
  );
  follower.follow(run(0));
  await follower.end();
  expect(shown).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(queries.map(({ since }) => since?.slice(17, 19))).toEqual(['00', '02', '02']);
});

it('reads one run after the other, from the beginning of each', async () => {
  let now = run(4);
  const { follower, shown } = fakeLogs([{ lines: [at(1, 'first')] }, { lines: [at(5, 'second')] }], () => now);
  follower.follow(run(0));
  follower.follow(run(0));
  follower.follow(run(4));
  now = run(4, 'exited');
  await follower.end();
  expect(shown).toEqual(['first', 'second']);
});

it('of a container that ran before shows what comes from now on', async () => {
  const { follower, queries } = fakeLogs([{ lines: [] }], () => run(0, 'exited'));
  follower.skipWhatIsThere();
  follower.follow(run(0));
  await follower.end();
  expect(queries).toMatchObject([{ tail: 0, follow: true }]);
  expect(queries[0]).not.toHaveProperty('since');
});
