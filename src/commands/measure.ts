import { Flags } from '@oclif/core';
import { measure } from '../camp.ts';
import { CampCommand, placementFlags, terminalOf } from './base.ts';
import { modeOf } from './shared-flags.ts';

export default class Measure extends CampCommand {
  static override summary = 'measure time to first request and all the other times, and the size of the configuration';
  static override examples = ['<%= config.bin %> measure', '<%= config.bin %> measure --only reload,recover --runs 10'];
  static override flags = {
    ...placementFlags,
    runs: Flags.integer({ description: 'how often each is measured', default: 5, min: 1, max: 100 }),
    only: Flags.string({ multiple: true, multipleNonGreedy: true, helpValue: 'PART', description: 'only these' }),
    cold: Flags.boolean({ description: 'the first start ever, too' }),
    clear: Flags.boolean({ hidden: true, description: 'remove what a measuring that was killed has left' }),
    timeout: Flags.integer({ description: 'seconds until a service must be ready', default: 60, min: 1 }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Measure);
    const { clearScratch, partsOf } = await import('../camp.ts');
    if (flags.clear) return clearScratch(this.project.dir, process.env);
    const mode = modeOf(flags);
    const out = terminalOf('stderr');
    const report = await measure({
      ...this.project,
      ...(mode ? { mode } : {}),
      runs: flags.runs,
      parts: await partsOf(flags.only ?? []),
      servers: [],
      timeoutMs: flags.timeout * 1000,
      onProgress: (words) => out.write(`${words}\n`),
      signal: this.interruption,
    });
    this.answer(report, JSON.stringify(report, undefined, 2));
  }
}
