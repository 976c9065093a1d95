import { Flags } from '@oclif/core';
import { down } from '../camp.ts';
import { renderDown, renderVolumes } from '../report/down.ts';
import { canAsk, openPrompts } from '../report/tty.ts';
import type { VolumeStatus } from '../report/types.ts';
import { CampCommand } from './base.ts';

export default class Down extends CampCommand {
  static override summary = "stop everything that is this project's";
  static override examples = ['<%= config.bin %> down', '<%= config.bin %> down --data --yes'];
  static override flags = {
    data: Flags.boolean({ description: 'delete its data too (.camp/data, volumes): names them and their sizes first' }),
    yes: Flags.boolean({ char: 'y', description: 'do not ask before data is deleted' }),
    force: Flags.boolean({ char: 'f', description: 'kill at once, without any grace' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Down);
    const report = await down({
      ...this.project,
      isForced: flags.force,
      isWithData: flags.data,
      mayDelete: (volumes) => this.#mayDelete(volumes, flags.yes),
      onEvent: () => undefined,
      signal: this.interruption,
    });
    this.answer(report, renderDown(report, flags.data));
  }

  /** What will be lost is said before it is; asked is only where somebody can answer. */
  async #mayDelete(volumes: readonly VolumeStatus[], isAgreed: boolean): Promise<boolean> {
    const said = `these data are deleted, with all that is in them:\n${renderVolumes(volumes)}\n`;
    process.stderr.write(said);
    if (isAgreed || this.shared.json || !canAsk(process.stdin, process.stderr, process.env)) return true;
    return (await openPrompts()).confirm('delete them?', { isDangerous: true });
  }
}
