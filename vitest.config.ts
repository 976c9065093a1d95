import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Real processes and a real Caddy share two cores with the tests themselves, which wait for them most of the time. */
const patient = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 30_000 } },
  maxWorkers: 3,
  globalSetup: 'test/rig/provide-caddy.ts',
};

/**
 * Copies of projects that come and go, each with an edge on the usual ports: beside edges in containers, which have homes of their
 * own, they would take ports from each other that one user's camps share.
 */
const measuring = ['test/e2e/measure*.e2e.ts'] as const;

/**
 * What is held to seconds of the clock, or needs a port of everybody, comes when all that is heavy is done: 443, or that of a process at the
 * gateway of the engine, which every project with containers beside processes shares.
 */
const late = ['faults', 'killed-camp', 'lifecycle', 'machine', 'mixed-wiring', 'programs'].map(
  (name) => `test/e2e/${name}.e2e.ts`,
);

/** Two hundred refusals, each held to two seconds: with the machine to itself. */
const alone = ['test/e2e/bad-input.e2e.ts'] as const;

/** What would begin last, because its file is small, and then be waited for alone, for up to five minutes. */
const longest = [
  ...['compose-model', 'docker-runtime', 'saga', 'docker-engine-dies', 'rivals', 'rivals-cases'].map(
    (one) => `${one}.test.ts`,
  ),
  ...['corpus', 'container-scale', 'shop', 'surroundings', 'container-again', 'hostile-caddyfile'].map(
    (one) => `${one}.e2e.ts`,
  ),
];

/** As Vitest sorts them on a clean clone, the largest file first; but these before. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/rooms.test.ts', 'test/docs.test.ts'] } },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts', 'test/kit/**/*.test.ts'], ...patient } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.ts'],
          exclude: [...measuring, ...late, ...alone],
          ...patient,
        },
      },
      { test: { name: 'e2e-measure', include: [...measuring], ...patient, sequence: { groupOrder: 1 } } },
      { test: { name: 'e2e-late', include: late, ...patient, sequence: { groupOrder: 2 } } },
      { test: { name: 'e2e-alone', include: [...alone], ...patient, sequence: { groupOrder: 3 } } },
    ],
  },
});
