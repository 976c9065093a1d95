import { Args, Flags } from '@oclif/core';
import { test } from '../camp.ts';
import { CampError, failure } from '../kit/failure.ts';
import { errorJson, writeJson } from '../report/json.ts';
import { createUpView } from '../report/live.ts';
import { detectStyle } from '../report/style.ts';
import { renderSuite, testSummary } from '../report/tests.ts';
import type { TestReport, UpReport } from '../report/types.ts';
import { CampCommand, placementFlags, terminalOf } from './base.ts';
import { modeOf } from './shared-flags.ts';

export default class Test extends CampCommand {
  static override summary = 'run all tests, of services and system, in a cluster of their own';
  static override description =
    'The cluster has ports, data and containers of its own and is removed afterwards, whatever happens; a running project and its data are not touched. The tests of a service are those that its folder says; those of the system lie in the folder test, or are what scripts.test:system of package.json says, and find the cluster at CAMP_URL.';
  static override examples = [
    '<%= config.bin %> test',
    '<%= config.bin %> test orders --json',
    '<%= config.bin %> test --keep',
  ];
  static override strict = false;
  static override args = { services: Args.string({ description: 'only the tests of these services' }) };
  static override flags = {
    ...placementFlags,
    keep: Flags.boolean({ description: 'leave the cluster running after the tests, until Ctrl-C' }),
    timeout: Flags.integer({
      description: 'seconds that a service may take until it is ready (default 60), and a suite (default 600)',
      min: 1,
    }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Test);
    const out = terminalOf('stderr');
    const view = this.shared.json ? undefined : createUpView(out, detectStyle(out, process.env, this.shared));
    const force = this.#secondSignal();
    const mode = modeOf(flags);
    let isUp = false;
    let width = 0;
    const report = await test({
      ...this.project,
      ...(mode ? { mode } : {}),
      ...(argv.length > 0 ? { only: argv as string[] } : {}),
      readyMs: (flags.timeout ?? 60) * 1000,
      suiteMs: (flags.timeout ?? 600) * 1000,
      isKept: flags.keep,
      onEvent: (event) => {
        if (!isUp && event.type !== 'output') view?.event(event);
      },
      onUp: ({ services }) => {
        isUp = true;
        width = Math.max(...[...services.map(({ name }) => name), 'system'].map((name) => name.length));
        view?.finish();
      },
      onSuite: (suite) => {
        if (!this.shared.json) process.stdout.write(`${renderSuite(suite, width, this.style)}\n`);
      },
      onKept: (cluster) => out.write(`${keptWords(cluster)}\n`),
      signal: this.interruption,
      force,
    }).finally(() => view?.finish());
    this.#tell(report);
  }

  #tell(report: TestReport): void {
    const failed = report.suites.filter((one) => one.status === 'failed').map((one) => one.name);
    if (failed.length === 0) this.answer(report, testSummary(report));
    else this.#fail(report, failed);
  }

  /** What was found is in the object too. */
  #fail(report: TestReport, failed: readonly string[]): void {
    const failures = [
      failure('service', 'TESTS_FAILED', `${testSummary(report)}: ${failed.join(', ')}`, {
        hints: ['camp test --keep'],
        evidence: ['what the services have written: .camp/test-logs'],
      }),
    ];
    if (!this.shared.json) throw new CampError(failures);
    writeJson({ ...report, ...errorJson(failures) });
    process.exitCode = new CampError(failures).exitCode;
  }

  /** The first Ctrl-C ends the tests and takes the cluster away, one more leaves nobody any grace. */
  #secondSignal(): AbortSignal {
    const controller = new AbortController();
    let count = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        count += 1;
        if (count === 1) terminalOf('stderr').write('removing the cluster; Ctrl-C once more forces\n');
        else controller.abort(new Error('forced'));
      });
    return controller.signal;
  }
}

function keptWords({ urls, domain }: UpReport): string {
  return `the cluster goes on running at ${urls[0] ?? domain}; Ctrl-C removes it`;
}
