import { writeSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { openUrl, up, type UpOutcome } from '../camp.ts';
import { CampError, fail } from '../kit/failure.ts';
import { CampCommand } from './base.ts';
import { attachTo, Foreground } from './foreground.ts';

export default class Up extends CampCommand {
  static override summary = 'start the project, or converge the running one to its files';
  static override description = 'Starts every service behind the edge with automatic HTTPS. In the foreground it shows the logs, and Ctrl-C stops everything; with -d it returns when the first requests have been answered.';
  static override examples = ['<%= config.bin %> up', '<%= config.bin %> up -d --json', '<%= config.bin %> up api --timeout 30'];
  static override strict = false;
  static override args = { services: Args.string({ description: 'only these services and what they depend on' }) };
  static override flags = {
    detach: Flags.boolean({ char: 'd', description: 'return when the first requests have been answered' }),
    docker: Flags.boolean({ description: 'everything in containers, the edge too', exclusive: ['native'] }),
    native: Flags.boolean({ description: 'no containers' }),
    port: Flags.integer({ description: 'HTTPS port of the edge: this one or none', min: 1, max: 65_535 }),
    watch: Flags.boolean({ description: 'follow changed files', default: true, allowNo: true }),
    timeout: Flags.integer({ description: 'seconds until a service must be ready', default: 60, min: 1 }),
    open: Flags.boolean({ description: 'open the front page when it is up' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Up);
    if (flags.docker) fail('machine', 'NEEDS_CONTAINER', 'this version of camp runs services as processes only', { hints: ['camp up', 'docker compose up'] });
    const foreground = new Foreground({ flags: this.shared, isDetached: process.env['CAMP_SUPERVISOR'] === '1' || flags.detach });
    let outcome: UpOutcome;
    try {
      outcome = await up({
        dir: this.projectDir,
        env: process.env,
        timeoutMs: flags.timeout * 1000,
        isWatching: flags.watch,
        onEvent: foreground.onEvent,
        signal: foreground.signal,
        ...(argv.length > 0 ? { only: argv as string[] } : {}),
        ...(flags.port === undefined ? {} : { port: flags.port }),
        ...(process.env['CAMP_ORIGIN_NS'] ? { originNs: BigInt(process.env['CAMP_ORIGIN_NS']) } : {}),
      });
    } catch (error) {
      foreground.finish();
      if (foreground.interruption !== undefined && !(error instanceof CampError)) return this.exit(foreground.interruption);
      throw error;
    }
    if (outcome.kind === 'attached') foreground.attach();
    foreground.showReport(outcome.report);
    if (flags.open && outcome.report.urls[0]) await openUrl(outcome.report.urls[0], process.env);
    if (outcome.kind === 'attached') {
      if (!flags.detach) await attachTo(outcome, foreground);
      if (foreground.interruption !== undefined) this.exit(foreground.interruption);
      return;
    }
    if (flags.detach) reportExitCode(0);
    await foreground.stayWith(outcome.session);
    if (foreground.interruption !== undefined) this.exit(foreground.interruption);
  }
}

/** Tells the command that started this supervisor that it is done (src/detach.ts). */
function reportExitCode(code: number): void {
  try {
    writeSync(3, `${code}\n`);
  } catch {
    // that command was ended meanwhile
  }
}
