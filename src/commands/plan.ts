import { Flags } from '@oclif/core';
import { composeConfig, plan } from '../camp.ts';
import { CampCommand, placementFlags, shortFileFlag } from './base.ts';
import { modeOf } from './shared-flags.ts';

export default class Plan extends CampCommand {
  static override summary = 'what up would do, and why; changes nothing';
  static override examples = [
    '<%= config.bin %> plan',
    '<%= config.bin %> plan --docker --json',
    '<%= config.bin %> plan --config',
  ];
  static override flags = {
    ...shortFileFlag,
    ...placementFlags,
    config: Flags.boolean({
      description: 'only the compose files as camp reads them, as docker compose config does: with their secrets',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Plan);
    if (flags.config) {
      const model = await composeConfig(this.project);
      return this.answer(model, JSON.stringify(model, undefined, 2));
    }
    const mode = modeOf(flags);
    const { text, ...report } = await plan({ ...this.project, ...(mode ? { mode } : {}) });
    const width = Math.max(0, ...report.placements.map((one) => one.service.length));
    const kinds = Math.max(0, ...report.placements.map((one) => one.placement.length));
    const where = report.placements.map(
      (one) => `  ${one.service.padEnd(width)}  ${one.placement.padEnd(kinds)}  ${one.why}`,
    );
    const problems = report.problems.map(
      ({ message, hints: [hint] }) => `up will refuse: ${message}${hint ? `; ${hint}` : ''}`,
    );
    const powers = report.powers.map(({ service, may }) => `${service} ${may.join(', ')}`);
    const steps = text || 'nothing to do: what runs is what the files say';
    this.answer(
      report,
      [
        ...where,
        '',
        steps,
        ...(powers.length > 0 ? ['', ...powers] : []),
        ...(problems.length > 0 ? ['', ...problems] : []),
      ].join('\n'),
    );
  }
}
