import { Args } from '@oclif/core';
import { restart } from '../camp.ts';
import { CampCommand } from './base.ts';

export default class Restart extends CampCommand {
  static override summary = 'restart a service, one replica after another';
  static override examples = ['<%= config.bin %> restart api', '<%= config.bin %> restart api --json'];
  static override args = { service: Args.string({ required: true, description: 'which one' }) };

  async run(): Promise<void> {
    const { args } = await this.parse(Restart);
    await restart({ ...this.project, onEvent: () => undefined, signal: this.interruption }, args.service);
    this.answer({ restarted: args.service }, `${args.service} is ready again`);
  }
}
