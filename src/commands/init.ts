import { basename, relative, resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { type InitOptions, init, nameChecker, proposeInit, templatesOf } from '../camp/scaffold.ts';
import { renderChanges } from '../report/changes.ts';
import { Cancelled, canAsk, openPrompts } from '../report/tty.ts';
import { CampCommand } from './base.ts';
import { reportOf } from './changes.ts';

const starterHints: Readonly<Record<string, string>> = {
  hello: 'a page that calls an api',
  empty: 'two empty files',
  shop: 'orders as a saga over a broker, a database for each service',
  social: 'posts and timelines in three languages, with a cache',
  monolith: 'the shop as modules of one service',
};

export default class Init extends CampCommand {
  static override summary = 'make a project, or adopt the code of a folder';
  static override description =
    'Writes compose.yaml, Caddyfile and a first service. In a folder that has code it proposes the two files for what is there and changes nothing else; a file that exists is never overwritten.';
  static override examples = [
    '<%= config.bin %> init hello',
    '<%= config.bin %> init --dry-run',
    '<%= config.bin %> init shop --starter shop --yes',
    '<%= config.bin %> init --ci',
  ];
  static override args = { folder: Args.string({ description: 'the folder of the project; default: this one' }) };
  static override flags = {
    starter: Flags.string({
      description: 'what to begin with: hello, empty, shop, social or monolith',
      helpValue: 'NAME',
    }),
    name: Flags.string({ description: "the project's name; default: the folder's", helpValue: 'NAME' }),
    yes: Flags.boolean({ char: 'y', description: 'ask nothing' }),
    ci: Flags.boolean({ description: 'also a GitHub Actions workflow that tests and measures it' }),
    'dry-run': Flags.boolean({ char: 'n', description: 'show what would be written' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Init);
    const dir = resolve(this.shared.dir ?? '.', args.folder ?? '.');
    const { starter, name, ci: isCi } = flags;
    const given: InitOptions = {
      dir,
      isCi,
      ...(starter === undefined ? {} : { starter }),
      ...(name === undefined ? {} : { name }),
    };
    const isAsking =
      !flags.yes && !flags['dry-run'] && !this.shared.json && canAsk(process.stdin, process.stderr, process.env);
    const written = await init(isAsking ? await ask(given) : given, flags['dry-run']);
    const below = relative(process.cwd(), dir);
    const folder = below.startsWith('..') ? dir : below;
    const report = reportOf(written, folder === '' ? written.next : [`cd ${folder}`, ...written.next]);
    const where = folder === '' ? 'this folder' : folder;
    const head = isOnlyCi(written)
      ? `${written.project} has a workflow`
      : written.changes.length === 0
        ? `${written.project} is in ${where} already`
        : `${written.project} is made in ${where}`;
    this.answer(report, renderChanges(report, head, this.style));
  }
}

/** In a project that is there already nothing else is written. */
function isOnlyCi({ changes }: { readonly changes: readonly { readonly path: string }[] }): boolean {
  return changes.length > 0 && changes.every(({ path }) => path.startsWith('.github/'));
}

/** Asks for what was not said. A folder with code is shown as it would be adopted, and asked for once. */
async function ask(given: InitOptions): Promise<InitOptions> {
  const proposal = await proposeInit(given).catch(() => undefined);
  if (proposal && (proposal.changes.length === 0 || isOnlyCi(proposal))) return given;
  const prompts = await openPrompts();
  if (proposal && proposal.found.length > 0) {
    const found = proposal.found.map((one) => `${one.name} (${one.start})`).join(', ');
    const question = `found ${found}: write ${proposal.changes.map((one) => one.path).join(' and ')}?`;
    if (!(await prompts.confirm(question, { isDangerous: false }))) throw new Cancelled();
    return given;
  }
  const check = await nameChecker('project');
  const problemOf = (answer: string): string | undefined => check(answer)?.message;
  const name =
    given.name ?? (await prompts.text('name of the project', proposal?.project ?? basename(given.dir), problemOf));
  const starters = (await templatesOf('starter')).toSorted((a, b) => Number(b === 'hello') - Number(a === 'hello'));
  const starter =
    given.starter ??
    (await prompts.choose(
      'begin with',
      starters.map((value) => ({ value, hint: starterHints[value] ?? '' })),
    ));
  return { ...given, name, starter };
}
