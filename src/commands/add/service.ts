import { Args, Flags } from '@oclif/core';
import { addServiceTo, nameChecker, templatesOf } from '../../camp/scaffold.ts';
import { fail } from '../../kit/failure.ts';
import { renderChanges } from '../../report/changes.ts';
import { canAsk, openPrompts } from '../../report/tty.ts';
import { CampCommand } from '../base.ts';
import { reportOf } from '../changes.ts';

const templateHints: Readonly<Record<string, string>> = {
  node: 'TypeScript on node:http',
  python: 'http.server of the standard library',
  go: 'net/http',
  static: 'files, served by the edge itself',
  worker: 'handles events of the broker',
};

export default class AddService extends CampCommand {
  static override summary = 'add a service: its folder, its lines in both files';
  static override description =
    'Adds a folder below services/ and the lines that compose.yaml and Caddyfile need; everything else in them stays as it is. A project that runs takes the new service up by itself.';
  static override examples = [
    '<%= config.bin %> add service orders --template python --needs db',
    '<%= config.bin %> add service shop --template static --route /',
    '<%= config.bin %> add service mails --template worker --on orders.confirmed',
    '<%= config.bin %> add service admin --host --dry-run',
  ];
  static override args = { name: Args.string({ description: 'its name, which is also a host name' }) };
  static override flags = {
    template: Flags.string({ char: 't', description: 'node, python, go, static or worker', helpValue: 'NAME' }),
    route: Flags.string({
      description: 'its path on the site; default: /api/NAME, none for a worker',
      helpValue: 'PATH',
      exclusive: ['host'],
    }),
    host: Flags.boolean({ description: 'a site of its own instead: NAME.<domain>' }),
    needs: Flags.string({
      description: 'services that it calls, databases and brokers that it uses, with commas between',
      helpValue: 'A,B',
      multiple: true,
      delimiter: ',',
    }),
    on: Flags.string({
      description: 'the type of event that a worker handles, or a service in Python or Go with a broker',
      helpValue: 'TYPE',
    }),
    yes: Flags.boolean({ char: 'y', description: 'ask nothing' }),
    'dry-run': Flags.boolean({ char: 'n', description: 'show what would be written' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AddService);
    const isAsking = !flags.yes && !this.shared.json && canAsk(process.stdin, process.stderr, process.env);
    const asked = args.name === undefined && isAsking ? await ask(flags.template) : undefined;
    const name = asked?.name ?? args.name;
    if (name === undefined)
      fail('usage', 'INVALID_ARGUMENTS', 'the new service has no name', { hints: ['camp add service orders'] });
    const template = asked?.template ?? flags.template;
    const written = await addServiceTo(
      {
        dir: this.project.dir,
        name,
        host: flags.host,
        needs: flags.needs ?? [],
        env: process.env,
        ...(flags.on === undefined ? {} : { on: flags.on }),
        ...(template === undefined ? {} : { template }),
        ...(flags.route === undefined ? {} : { route: flags.route }),
      },
      flags['dry-run'],
    );
    const report = reportOf(written, written.next);
    const head =
      written.changes.length === 0
        ? `${name} is in ${written.project} already`
        : `${name} is added to ${written.project}`;
    this.answer(report, renderChanges(report, head, this.style));
  }
}

async function ask(template: string | undefined): Promise<{ readonly name: string; readonly template: string }> {
  const prompts = await openPrompts();
  const check = await nameChecker('service');
  const name = await prompts.text('name of the service', 'orders', (answer) => check(answer)?.message);
  const templates = (await templatesOf('service')).toSorted((a, b) => Number(b === 'node') - Number(a === 'node'));
  return {
    name,
    template:
      template ??
      (await prompts.choose(
        'written in',
        templates.map((value) => ({ value, hint: templateHints[value] ?? '' })),
      )),
  };
}
