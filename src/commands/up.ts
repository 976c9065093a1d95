import { Args, Flags } from '@oclif/core';
import { CampCommand, placementFlags, shortFileFlag } from './base.ts';
import { runUp } from './up-run.ts';

export default class Up extends CampCommand {
  static override summary = 'start the project, or converge the running one to its files';
  static override description =
    'Starts every service behind the edge with automatic HTTPS. In the foreground it shows the logs, and Ctrl-C stops everything; with -d it returns when the first requests have been answered.';
  static override examples = [
    '<%= config.bin %> up',
    '<%= config.bin %> up -d --json',
    '<%= config.bin %> up api --timeout 30',
  ];
  static override strict = false;
  static override args = { services: Args.string({ description: 'only these services and what they depend on' }) };
  static override flags = {
    detach: Flags.boolean({ char: 'd', description: 'return when the first requests have been answered' }),
    ...shortFileFlag,
    ...placementFlags,
    port: Flags.integer({ description: 'HTTPS port of the edge: this one or none', min: 1, max: 65_535 }),
    watch: Flags.boolean({ description: 'follow changed files', default: true, allowNo: true }),
    timeout: Flags.integer({ description: 'seconds until a service must be ready', default: 60, min: 1 }),
    open: Flags.boolean({ description: 'open the front page when it is up' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Up);
    const code = await runUp(this.shared, flags, argv as string[]);
    if (code !== 0) this.exit(code);
  }
}
