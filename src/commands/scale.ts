import { Args, Flags } from '@oclif/core';
import { parseCounts } from '../camp/steer.ts';
import { scale } from '../camp.ts';
import { CampCommand } from './base.ts';

export default class Scale extends CampCommand {
  static override summary = 'set how many replicas a service has, until the project ends';
  static override examples = ['<%= config.bin %> scale api=3', '<%= config.bin %> scale api=3 worker=2'];
  static override strict = false;
  static override args = { counts: Args.string({ required: true, description: 'SERVICE=NUMBER' }) };
  static override flags = {
    timeout: Flags.integer({ description: 'seconds until a replica must be ready', default: 60, min: 1 }),
  };

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Scale);
    const counts = parseCounts(argv as string[]);
    const report = await scale(
      { ...this.project, onEvent: () => undefined, signal: this.interruption },
      counts,
      flags.timeout * 1000,
    );
    this.answer(
      report,
      [...counts].map(([name, count]) => `${name} has ${count} ${count === 1 ? 'replica' : 'replicas'}`).join('\n'),
    );
  }
}
