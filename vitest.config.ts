import { defineConfig } from 'vitest/config';

/** Real processes and a real Caddy share two cores with the tests themselves, which wait for them most of the time. */
const patient = { testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 3, globalSetup: 'test/rig/provide-caddy.ts' };

/** What is held to seconds of the clock has the machine to itself, when all else is done. */
const heldToTime = ['test/e2e/bad-input.e2e.ts'] as const;

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'test/rooms.test.ts', 'test/docs.test.ts'] } },
      { test: { name: 'contract', include: ['test/contract/**/*.test.ts', 'test/kit/**/*.test.ts'], ...patient } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.e2e.ts'], exclude: [...heldToTime], ...patient } },
      { test: { name: 'e2e-alone', include: [...heldToTime], ...patient, sequence: { groupOrder: 1 } } },
    ],
  },
});
