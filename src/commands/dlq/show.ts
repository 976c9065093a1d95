import { Args } from '@oclif/core';
import { dlq } from '../../camp.ts';
import { CampCommand } from '../base.ts';

export default class DlqShow extends CampCommand {
  static override summary = 'one of these events: all that is in it, and why it was given up';
  static override examples = ['<%= config.bin %> dlq show 12', '<%= config.bin %> dlq show 12 --json'];
  static override args = { id: Args.string({ required: true, description: 'as camp dlq ls names it' }) };

  async run(): Promise<void> {
    const { args } = await this.parse(DlqShow);
    await dlq(this.project, ['show', args.id, ...(this.shared.json ? ['--json'] : [])]);
  }
}
