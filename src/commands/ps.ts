import { ps } from '../camp.ts';
import { renderStatus } from '../report/summary.ts';
import { CampCommand } from './base.ts';

export default class Ps extends CampCommand {
  static override summary = 'what runs of this project, and the memory that it uses';
  static override examples = ['<%= config.bin %> ps', '<%= config.bin %> ps --json'];

  async run(): Promise<void> {
    const report = await ps(this.project);
    this.answer(report, renderStatus(report, this.style));
  }
}
