import { Args } from '@oclif/core';
import { openUrl, urlOf } from '../camp.ts';
import { CampCommand } from './base.ts';

export default class Open extends CampCommand {
  static override summary = 'open the front page, or a service, in the browser';
  static override examples = ['<%= config.bin %> open', '<%= config.bin %> open api'];
  static override args = { service: Args.string({ description: 'this service instead of the front page' }) };

  async run(): Promise<void> {
    const { args } = await this.parse(Open);
    const url = await urlOf(this.project, args.service);
    const opened = !this.shared.json && (await openUrl(url, process.env));
    this.answer({ url, opened }, opened ? `opened ${url}` : url);
  }
}
