import { sanitise } from './sanitise.ts';
import { paint, type Style, symbolsOf } from './style.ts';
import { seconds } from './summary.ts';
import type { SuiteReport, TestReport } from './types.ts';
import { pad } from './width.ts';

/** `✔ orders   passed 1.24 s`, and, where it failed, what it has said. */
export function renderSuite(suite: SuiteReport, width: number, style: Style): string {
  const symbols = symbolsOf(style);
  const name = paint(style, 'bold', pad(suite.name, width));
  switch (suite.status) {
    case 'none':
      return `  ${name}  ${paint(style, 'dim', 'no tests')}`;
    case 'passed':
      return `${paint(style, 'good', symbols.good)} ${name}  passed ${seconds(suite.ms)}`;
    case 'failed': {
      const head = `${paint(style, 'bad', symbols.bad)} ${name}  failed ${seconds(suite.ms)}, ${suite.why ?? ''}`;
      const bar = paint(style, 'dim', symbols.bar);
      const said = (suite.output ?? []).map((line) => `  ${bar} ${sanitise(line, style.hasColour)}`.trimEnd());
      return [head, ...said].join('\n');
    }
  }
}

/** `3 passed, 1 failed` */
export function testSummary({ passed, failed }: TestReport): string {
  return failed === 0 ? `${passed} passed` : `${passed} passed, ${failed} failed`;
}
