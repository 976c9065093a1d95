import { type Command, type Config, Help } from '@oclif/core';
import { hang } from '../report/hang.ts';
import { detectStyle, paint, type Style } from '../report/style.ts';
import { pad } from '../report/width.ts';
import { groups } from './index.ts';
import { terminalOf } from './terminal.ts';

/** `camp --help`: what there is, in the order of a day's work. */
export function rootHelp(described: readonly Command.Loadable[], version: string): string {
  const style = detectStyle(terminalOf('stdout'), process.env);
  const summaries = new Map(described.map((one) => [one.id.replaceAll(':', ' '), one.summary ?? '']));
  const width = Math.max(...[...summaries.keys()].map((id) => id.length));
  const sections = groups.flatMap(([title, ids]) => {
    const known = ids.filter((id) => summaries.has(id));
    if (known.length === 0) return [];
    return [
      '',
      heading(title, style),
      ...known.map((id) => `  ${paint(style, 'accent', pad(id, width))}  ${summaries.get(id)}`),
    ];
  });
  const lines = [
    `camp ${version}: a distributed system behind HTTPS with two commands`,
    '',
    '  camp init hello && cd hello && camp up',
    ...sections,
    '',
    'Every command has --help, --json, --no-color and -C DIR.',
  ];
  return `${fitted(lines.join('\n'))}\n`;
}

function heading(title: string, style: Style): string {
  return paint(style, 'bold', title.toUpperCase());
}

/** On a terminal no line is wider than it; what is piped stays in lines as they are. */
function fitted(text: string): string {
  const { columns, isTTY } = terminalOf('stdout');
  return isTTY && columns ? hang(text, columns) : text;
}

/** `camp up --help`, as oclif writes it. */
export async function commandHelp(id: string, config: Config): Promise<string> {
  const lines: string[] = [];
  class CommandHelp extends Help {
    protected override log(...args: readonly string[]): void {
      lines.push(args.join(' '));
    }
  }
  const isPlain = !detectStyle(terminalOf('stdout'), process.env).hasColour;
  await new CommandHelp(config, {
    hideCommandSummaryInDescription: true,
    stripAnsi: isPlain,
    maxWidth: Math.min(100, terminalOf('stdout').columns ?? 80),
  }).showHelp([...id.split(' '), '--help']);
  return `${fitted(lines.join('\n').trimEnd())}\n`;
}
