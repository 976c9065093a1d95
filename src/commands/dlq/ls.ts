import { dlq } from '../../camp.ts';
import { CampCommand } from '../base.ts';

export default class DlqLs extends CampCommand {
  static override summary = 'events that a consumer could not handle, each with its reason';
  static override examples = ['<%= config.bin %> dlq ls', '<%= config.bin %> dlq ls --json'];

  async run(): Promise<void> {
    await dlq(this.project, ['ls', ...(this.shared.json ? ['--json'] : [])]);
  }
}
