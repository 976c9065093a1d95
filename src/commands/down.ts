import { Flags } from '@oclif/core';
import { down } from '../camp.ts';
import { fail } from '../kit/failure.ts';
import { CampCommand } from './base.ts';

export default class Down extends CampCommand {
  static override summary = "stop everything that is this project's";
  static override examples = ['<%= config.bin %> down', '<%= config.bin %> down --force'];
  static override flags = {
    data: Flags.boolean({ description: 'delete the data of its backing services too' }),
    force: Flags.boolean({ char: 'f', description: 'kill at once, without any grace' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Down);
    if (flags.data)
      fail('usage', 'NO_DATA', 'this project keeps no data of backing services', { hints: ['camp down'] });
    const report = await down({
      dir: this.projectDir,
      env: process.env,
      isForced: flags.force,
      onEvent: () => undefined,
      signal: this.interruption,
    });
    this.answer(
      report,
      report.stopped
        ? `stopped${report.leftovers > 0 ? `, with ${report.leftovers} processes that an earlier camp had left behind` : ''}`
        : 'nothing was running',
    );
  }
}
