import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command, Config, Plugin } from '@oclif/core';
import packageJson from '../package.json' with { type: 'json' };
import { reportError } from './commands/errors.ts';
import { commands } from './commands/index.ts';
import { CampError, failure } from './kit/failure.ts';
import { nearest } from './kit/nearest.ts';

const here = dirname(fileURLToPath(import.meta.url));
/** Flags with a value that may stand before the command: `camp -C shop ps`. */
const leadingFlags = /^(--json|--color|--no-color|--dir=.*|-C.+)$/s;

/** Runs one command line; returns the exit code. Throws nothing that a person is to see. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await dispatch(argv);
  } catch (error) {
    return reportError(error, {
      isJson: argv.includes('--json'),
      ...(argv.includes('--no-color') ? { color: false } : {}),
    });
  }
  return Number(process.exitCode ?? 0);
}

async function dispatch(argv: readonly string[]): Promise<void> {
  const { leading, words } = split(argv);
  const id = commandOf(words);
  const isHelp = words[0] === 'help' || hasHelpFlag(words) || (id === undefined && hasHelpFlag(leading));
  if (isHelp) return showHelp(words[0] === 'help' ? words.slice(1) : words);
  if (id === undefined && words.length === 0) return (await import('./commands/bare.ts')).showState(leading);
  const load = id === undefined ? undefined : commands[id];
  if (id === undefined || !load) return unknownCommand(words);
  if (isDetaching(id, words)) {
    process.exitCode = await (await import('./detach.ts')).detach(argv);
    return;
  }
  if (id === 'up') {
    const { parseUpWords } = await import('./commands/up-words.ts');
    const quick = parseUpWords([...leading, ...words.slice(1)]);
    if (quick) {
      const { runUp } = await import('./commands/up-run.ts');
      process.exitCode = await runUp(quick.shared, quick.flags, quick.services);
      return;
    }
  }
  const { default: CommandClass } = await load();
  CommandClass.id = id.replaceAll(' ', ':');
  const rest = words.slice(id.split(' ').length);
  await CommandClass.run([...leading, ...rest], await configOf([]));
}

/** The shared flags that stand before the command, and the rest. */
function split(argv: readonly string[]): { readonly leading: readonly string[]; readonly words: readonly string[] } {
  let at = 0;
  for (;;) {
    const word = argv[at] ?? '';
    if (word === '-C' || word === '--dir') at += 2;
    else if (leadingFlags.test(word)) at += 1;
    else return { leading: argv.slice(0, at), words: argv.slice(at) };
  }
}

/** The longest command that the words begin with. */
function commandOf(words: readonly string[]): string | undefined {
  const two = words.slice(0, 2).join(' ');
  if (Object.hasOwn(commands, two)) return two;
  return words[0] !== undefined && Object.hasOwn(commands, words[0]) ? words[0] : undefined;
}

function hasHelpFlag(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

/** `camp -C shop up -d`: the shim has seen only what begins with `up`. */
function isDetaching(id: string, words: readonly string[]): boolean {
  const end = words.indexOf('--');
  const flags = end === -1 ? words : words.slice(0, end);
  return id === 'up' && !process.env['CAMP_SUPERVISOR'] && flags.some((word) => word === '-d' || word === '--detach');
}

function unknownCommand(words: readonly string[]): never {
  const first = words[0] ?? '';
  const names = Object.keys(commands);
  const below = names.filter((name) => name.startsWith(`${first} `));
  const said = below.length > 0 ? words.slice(0, 2).join(' ') : first;
  const meant = nearest(said, below.length > 0 ? below : [...names, 'help', 'version']);
  const hint = meant
    ? `did you mean camp ${meant}?`
    : below.length > 0
      ? below.map((name) => `camp ${name}`).join(', ')
      : 'camp --help';
  const message = first.startsWith('-') ? `there is no flag ${first}` : `there is no command "${said}"`;
  throw new CampError(
    failure('usage', first.startsWith('-') ? 'UNKNOWN_FLAG' : 'UNKNOWN_COMMAND', message, { hints: [hint] }),
  );
}

async function showHelp(words: readonly string[]): Promise<void> {
  const id = commandOf(words);
  if (id === undefined && words.some((word) => !word.startsWith('-'))) {
    const below = Object.keys(commands).filter((name) => name.startsWith(`${words[0]} `));
    if (below.length === 0) unknownCommand(words);
  }
  const { commandHelp, rootHelp } = await import('./commands/help.ts');
  const described = await describeAll();
  process.stdout.write(
    id === undefined ? rootHelp(described, packageJson.version) : await commandHelp(id, await configOf(described)),
  );
}

/** From the manifest of the release, or, in a checkout, from the commands themselves. */
async function describeAll(): Promise<readonly Command.Loadable[]> {
  const { describeCommands } = await import('./commands/manifest.ts');
  try {
    const manifest = JSON.parse(readFileSync(join(here, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, Command.Loadable>;
    };
    return Object.values(manifest.commands);
  } catch {
    return describeCommands();
  }
}

/** What oclif knows of camp. It finds nothing by searching folders: the table of commands is all there is. */
async function configOf(described: readonly Command.Loadable[]): Promise<Config> {
  const { Config, Plugin } = await import('@oclif/core');
  const plugin = new Plugin({ name: packageJson.name, root: here });
  Object.assign(plugin, {
    root: here,
    name: packageJson.name,
    version: packageJson.version,
    type: 'core',
    isRoot: true,
    valid: true,
    hooks: {},
  });
  plugin.pjson = packageJson as unknown as Plugin['pjson'];
  plugin.commands = [...described];
  return Config.load({ root: here, pjson: plugin.pjson, plugins: new Map([[plugin.name, plugin]]) });
}
