import { Args, Flags } from '@oclif/core';
import { logs } from '../camp.ts';
import { fail } from '../kit/failure.ts';
import { writeJson } from '../report/json.ts';
import { createLogPrinter } from '../report/logs.ts';
import { CampCommand, terminalOf } from './base.ts';

export default class Logs extends CampCommand {
  static override summary = 'what the services have written';
  static override examples = [
    '<%= config.bin %> logs api -f',
    '<%= config.bin %> logs --since 10m',
    '<%= config.bin %> logs --request 4bf92f3577b34da6a3ce929d0e0e4736',
  ];
  static override strict = false;
  static override args = { services: Args.string({ description: 'only these services, or edge' }) };
  static override flags = {
    follow: Flags.boolean({ char: 'f', description: 'go on with what they write from now on' }),
    since: Flags.string({ description: 'only from this moment on: 90s, 10m, 2h, 1d or a date' }),
    request: Flags.string({ description: 'the whole way of the request with this id: the edge, services, consumers' }),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Logs);
    const print = createLogPrinter(terminalOf('stdout'), this.style);
    let shown = 0;
    await logs({
      ...this.project,
      services: argv as string[],
      isFollowing: flags.follow,
      onRecord: (record) => {
        shown++;
        if (this.shared.json) writeJson(record);
        else print(record);
      },
      signal: this.interruption,
      ...(flags.since === undefined ? {} : { sinceMs: parseSince(flags.since, Date.now()) }),
      ...(flags.request === undefined ? {} : { requestId: flags.request }),
    });
    if (shown === 0 && !flags.follow && !this.shared.json) terminalOf('stderr').write('no such line is kept\n');
  }
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A moment in milliseconds since the epoch, from `10m` (that long ago) or a date. Throws INVALID_SINCE (usage). */
export function parseSince(text: string, now: number): number {
  const ago = /^(\d+)([smhd])$/.exec(text);
  if (ago) return now - Number(ago[1]) * (units[ago[2] ?? 's'] ?? 1000);
  const date = Date.parse(text);
  if (!Number.isNaN(date)) return date;
  return fail('usage', 'INVALID_SINCE', `"${text}" is neither a time span nor a date`, {
    hints: ['camp logs --since 10m', 'camp logs --since 2026-01-31T12:00:00Z'],
  });
}
