import { extname } from 'node:path';
import { Flags } from '@oclif/core';
import { parts } from '../camp/measure/parts.ts';
import { clearScratch, type Measured, measure } from '../camp.ts';
import { CampError, fail } from '../kit/failure.ts';
import { writeWhole } from '../kit/files.ts';
import { nearest } from '../kit/nearest.ts';
import { errorJson, writeJson } from '../report/json.ts';
import { createProgress } from '../report/measure/progress.ts';
import { type MeasureFormat, renderMeasure } from '../report/measure/render.ts';
import { detectStyle } from '../report/style.ts';
import { CampCommand, placementFlags, terminalOf } from './base.ts';
import { modeOf } from './shared-flags.ts';

const rivals = ['caddy', 'nginx', 'apache', 'compose'] as const;
type Rival = (typeof rivals)[number];
const formats = {
  text: 'terminal',
  json: 'json',
  markdown: 'markdown',
  md: 'markdown',
  html: 'html',
  svg: 'svg',
} as const;
const many = { multiple: true, multipleNonGreedy: true } as const;

export default class Measure extends CampCommand {
  static override summary = 'times and the size of the configuration, held to budgets';
  static override description =
    'Works on a copy of the project, which is started, changed, killed and stopped; the project and what runs of it are left alone. docs/metrics.md says what each figure is. A budget that is exceeded ends with exit code 7.';
  static override examples = [
    '<%= config.bin %> measure',
    '<%= config.bin %> measure --only reload,recover --runs 10',
    '<%= config.bin %> measure --compare nginx,apache --output report.html',
    '<%= config.bin %> measure --budget ttfr=3s,lines=40,ttfr=+20%',
  ];
  static override flags = {
    ...placementFlags,
    runs: Flags.integer({ description: 'how often each is measured', default: 5, min: 1, max: 100 }),
    only: Flags.string({ ...many, helpValue: 'PART', description: `only these, with commas: ${parts.join(', ')}` }),
    cold: Flags.boolean({ description: 'the first start too: nothing installed, no caches, no authority' }),
    compare: Flags.string({
      ...many,
      helpValue: 'SERVER',
      description: `with the same site of other servers, with commas: ${rivals.join(', ')} (alone: the first three)`,
    }),
    'what-if': Flags.string({
      helpValue: 'CHANGE',
      options: ['add-service'],
      description: 'what a change would cost: add-service',
    }),
    budget: Flags.string({
      ...many,
      helpValue: 'NAME=LIMIT',
      description: 'a limit, or some with commas: ttfr=3s,reload=+20%',
    }),
    record: Flags.boolean({ description: 'write the figures to measure.baseline.json, for budgets such as ttfr=+20%' }),
    format: Flags.string({
      helpValue: 'FORMAT',
      options: Object.keys(formats),
      description: 'text, json, markdown, html (one page that needs nothing else) or svg (the waterfall)',
    }),
    output: Flags.string({
      ...many,
      char: 'o',
      helpValue: 'FILE',
      description:
        'write the report there too, in the format of its ending (.html, .md, .json, .svg) or of --format; again for another file',
    }),
    timeout: Flags.integer({ description: 'seconds until a service must be ready', default: 60, min: 1 }),
    clear: Flags.boolean({ hidden: true, description: 'remove what a measuring that was killed has left' }),
  };

  override async init(): Promise<void> {
    this.argv = withServers(this.argv);
    await super.init();
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Measure);
    if (flags.clear) return clearScratch(this.project.dir, process.env);
    const mode = modeOf(flags);
    const out = terminalOf('stderr');
    const progress = createProgress(out, detectStyle(out, process.env, this.shared));
    const measured = await measure({
      ...this.project,
      ...(mode ? { mode } : {}),
      runs: flags.runs,
      only: flags.only ?? [],
      isCold: flags.cold,
      servers: serversOf(flags.compare),
      isSplitAsked: flags['what-if'] !== undefined,
      budgets: flags.budget ?? [],
      isRecording: flags.record,
      timeoutMs: flags.timeout * 1000,
      onProgress: progress.say,
      signal: this.interruption,
    }).finally(progress.finish);
    this.#tell(measured, formats[flags.format as keyof typeof formats] ?? 'terminal', flags.output ?? []);
  }

  #tell({ report, failures, history, recorded }: Measured, format: MeasureFormat, outputs: readonly string[]): void {
    const isJson = this.shared.json || format === 'json';
    const plain = { ...this.style, hasColour: false, isTty: false };
    for (const file of outputs)
      writeWhole(file, `${renderMeasure(report, formatOf(file) ?? format, { style: plain, history })}\n`);
    if (isJson) writeJson(failures.length > 0 ? { ...report, ...errorJson(failures) } : report);
    else process.stdout.write(`${renderMeasure(report, format, { style: this.style, history })}\n`);
    if (recorded !== undefined) terminalOf('stderr').write(`recorded in ${recorded}\n`);
    if (failures.length === 0) return;
    const error = new CampError(failures);
    if (!isJson) throw error;
    process.exitCode = error.exitCode;
  }
}

/** By the ending of a file's name: `report.html`. */
function formatOf(file: string): MeasureFormat | undefined {
  const ending = extname(file).slice(1);
  return Object.hasOwn(formats, ending) ? formats[ending as keyof typeof formats] : undefined;
}

/** `--compare` alone means those that most sites have; a flag of oclif always has a value. */
function withServers(argv: readonly string[]): string[] {
  return argv.flatMap((word, at) => {
    const next = argv[at + 1];
    const isAlone = word === '--compare' && (next === undefined || next.startsWith('-'));
    return isAlone ? [word, rivals.slice(0, 3).join(',')] : [word];
  });
}

/** Throws UNKNOWN_SERVER (usage). */
function serversOf(words: readonly string[] = []): readonly Rival[] {
  const named = words.flatMap((word) => word.split(',')).filter(Boolean);
  return [...new Set(named)].map((name) => {
    const found = rivals.find((one) => one === name);
    const meant = nearest(name, rivals);
    return (
      found ??
      fail('usage', 'UNKNOWN_SERVER', `there is nothing to compare with "${name}"`, {
        hints: [meant ? `did you mean ${meant}?` : `--compare ${rivals.join(',')}`],
      })
    );
  });
}
