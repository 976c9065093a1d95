import { Args } from '@oclif/core';
import { run } from '../camp.ts';
import { fail } from '../kit/failure.ts';
import { CampCommand } from './base.ts';

export default class Run extends CampCommand {
  static override summary = "run a command in a service's folder, with its environment";
  static override examples = ['<%= config.bin %> run api -- npm test', '<%= config.bin %> run api -- env'];
  static override usage = 'run SERVICE -- COMMAND...';
  static override strict = false;
  static override args = { service: Args.string({ required: true, description: 'whose folder and environment' }) };

  async run(): Promise<void> {
    const { args, argv } = await this.parse(Run);
    const command = (argv as string[]).slice(1);
    if (command.length === 0)
      fail('usage', 'NO_COMMAND', 'there is no command to run', { hints: [`camp run ${args.service} -- npm test`] });
    const onNote = (message: string): void => this.logToStderr(message);
    this.exit(await run({ ...this.project, onNote }, args.service, command));
  }
}
