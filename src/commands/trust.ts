import { Flags } from '@oclif/core';
import { trust } from '../camp.ts';
import { CampCommand } from './base.ts';

export default class Trust extends CampCommand {
  static override summary = 'make browsers and programs trust the local CA';
  static override description =
    "Puts the root of your own local CA, which signs your projects' certificates, into the system's store and those of the browsers that are found. Its key never leaves your home folder.";
  static override examples = ['<%= config.bin %> trust', '<%= config.bin %> trust --remove'];
  static override flags = {
    remove: Flags.boolean({ description: 'take it out again, everywhere' }),
    'dry-run': Flags.boolean({ char: 'n', description: 'show what would be done' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Trust);
    const report = await trust({
      env: process.env,
      isRemoving: flags.remove,
      isDryRun: flags['dry-run'],
      signal: this.interruption,
    });
    const lines = report.steps.map(
      (step) =>
        `${step.store}: ${step.action === 'nothing' ? step.why : `${flags['dry-run'] ? 'would ' : ''}${step.action}`}`,
    );
    this.answer(report, [`the local CA: ${report.caFile}`, ...lines].join('\n'));
  }
}
