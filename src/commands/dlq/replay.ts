import { Args, Flags } from '@oclif/core';
import { dlq } from '../../camp.ts';
import { fail } from '../../kit/failure.ts';
import { CampCommand } from '../base.ts';

export default class DlqReplay extends CampCommand {
  static override summary = 'give such an event, or all of them, to its consumer once more';
  static override examples = ['<%= config.bin %> dlq replay 12', '<%= config.bin %> dlq replay --all'];
  static override args = { id: Args.string({ description: 'as camp dlq ls names it' }) };
  static override flags = { all: Flags.boolean({ description: 'every one of them', default: false }) };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(DlqReplay);
    if ((args.id === undefined) !== flags.all)
      fail('usage', 'INVALID_ARGUMENTS', flags.all ? 'one event, or all of them' : 'which event is to be replayed?', {
        hints: ['camp dlq ls', 'camp dlq replay --all'],
      });
    const which = args.id === undefined ? '--all' : args.id;
    await dlq(this.project, ['replay', which, ...(this.shared.json ? ['--json'] : [])]);
  }
}
