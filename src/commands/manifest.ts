import type { Command } from '@oclif/core';
import { commands } from './index.ts';

/** Every command in the shape of oclif's manifest: plain data, for help, completion and the release. */
export async function describeCommands(): Promise<readonly Command.Loadable[]> {
  return Promise.all(
    Object.entries(commands).map(async ([words, load]) => describe(words.replaceAll(' ', ':'), (await load()).default)),
  );
}

function describe(id: string, command: Command.Class): Command.Loadable {
  const entries = { ...command.baseFlags, ...command.flags };
  const described = {
    id,
    summary: command.summary,
    description: command.description,
    usage: command.usage,
    // filled in here, so that the release needs no template engine
    examples: command.examples?.map((one) =>
      typeof one === 'string' ? one.replaceAll('<%= config.bin %>', 'camp') : one,
    ),
    strict: command.strict,
    hidden: command.hidden,
    aliases: command.aliases ?? [],
    hiddenAliases: [],
    args: Object.fromEntries(
      Object.entries(command.args ?? {}).map(([name, arg]) => [
        name,
        {
          name,
          description: arg.description,
          required: arg.required,
          options: arg.options,
          default: plain(arg.default),
          hidden: arg.hidden,
        },
      ]),
    ),
    flags: Object.fromEntries(Object.entries(entries).map(([name, flag]) => [name, describeFlag(name, flag)])),
  };
  return JSON.parse(JSON.stringify(described)) as Command.Loadable;
}

function describeFlag(name: string, flag: Command.Class['flags'][string]): Record<string, unknown> {
  const { type, char, summary, description, helpGroup, hidden, required, exclusive, dependsOn } = flag;
  const shared = { name, type, char, summary, description, helpGroup, hidden, required, exclusive, dependsOn };
  if (flag.type === 'boolean') return { ...shared, allowNo: flag.allowNo };
  return {
    ...shared,
    multiple: flag.multiple,
    options: flag.options,
    helpValue: flag.helpValue,
    default: plain(flag.default),
    hasDynamicHelp: false,
  };
}

/** A default that is computed is not told. */
function plain(value: unknown): unknown {
  return typeof value === 'function' ? undefined : value;
}
