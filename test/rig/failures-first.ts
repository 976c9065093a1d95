import type { Reporter, TestModule } from 'vitest/node';

const mostWords = 160;

/** Says in one line each what failed, before the default reporter tells all of it: whoever sees only a part of a long log sees this. */
export default class FailuresFirst implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { readonly message?: string }[]): void {
    const lines = modules.flatMap((module) => [
      ...module.errors().map(({ message }) => `${module.relativeModuleId}: ${message}`),
      ...[...module.children.allTests('failed')].map(
        (test) => `${module.relativeModuleId}: ${test.name}: ${test.result().errors?.[0]?.message ?? ''}`,
      ),
    ]);
    for (const line of [...lines, ...unhandled.map(({ message }) => `unhandled: ${message}`)])
      console.log(`FAIL ${line.replaceAll(/\s+/g, ' ').replace('test/e2e/', '').slice(0, mostWords)}`);
  }
}
