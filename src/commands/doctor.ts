import type { Finding, Verdict } from '../camp/doctor.ts';
import { doctor } from '../camp.ts';
import { failuresOf } from '../kit/failure.ts';
import { CampCommand } from './base.ts';

export default class Doctor extends CampCommand {
  static override summary = 'what is wrong on this machine, and the command that fixes it';
  static override examples = ['<%= config.bin %> doctor', '<%= config.bin %> doctor --json'];

  async run(): Promise<void> {
    const findings = await doctor(process.env, this.#dir());
    this.answer(
      { isHealthy: findings.every((one) => one.verdict !== 'problem'), findings },
      findings.map((one) => this.#line(one)).join('\n'),
    );
    if (findings.some((one) => one.verdict === 'problem')) this.exit(4);
  }

  /** The project that is here, if any: what is wrong on a machine can be asked anywhere. */
  #dir(): string | undefined {
    try {
      return this.project.dir;
    } catch (error) {
      if (this.shared.dir === undefined && failuresOf(error)[0]?.code === 'NOT_A_PROJECT') return undefined;
      throw error;
    }
  }

  #line(one: Finding): string {
    const signs: Readonly<Record<Verdict, string>> = this.style.hasUnicode
      ? { ok: '✔', warning: '!', problem: '✖' }
      : { ok: 'ok', warning: '!', problem: 'x' };
    const details = one.verdict === 'ok' ? [] : (one.details ?? []).map((detail) => `\n    ${detail}`);
    return `${signs[one.verdict]} ${one.subject}: ${one.message}${details.join('')}${one.fix ? `\n    fix: ${one.fix}` : ''}`;
  }
}
