import { sizeOfText } from '../../../project/size/size-of-text.ts';
import type { ComparisonRow, Contender, ServerKind } from '../../../stopwatch/types.ts';
import { validDays } from './certificate.ts';
import type { Fragility } from './fragility.ts';
import type { RenderedFile } from './types.ts';

/** What the table needs of one contender besides what the report says of it. */
export interface Compared {
  readonly contender: Contender;
  readonly files: readonly RenderedFile[];
  readonly fragility: Fragility | undefined;
  /** Lines of configuration more for one service more, and for one replica more; undefined where it could not be rendered. */
  readonly linesPerService: number | undefined;
  readonly linesPerReplica: number | undefined;
}

type Value = (one: Compared) => string;

const notMeasured = 'not measured';

/** The table of the comparison: each value with how it was come by. */
export function rowsOf(all: readonly Compared[], replicas: number): readonly ComparisonRow[] {
  const row = (name: string, derivation: string, value: Value): ComparisonRow => ({
    name,
    derivation,
    values: Object.fromEntries(
      all.map((one) => [one.contender.server, one.contender.status === 'failed' ? '—' : value(one)]),
    ) as Partial<Record<ServerKind, string>>,
  });
  return [
    row(
      'lines of configuration',
      'Logical lines (docs/metrics.md, "Configuration") of the files that were checked and served. camp: the Caddyfile; ' +
        'what compose.yaml says, which program runs where, the others are not told at all. Apache: each module is loaded ' +
        'by a line; on Debian one command (a2enmod) writes those.',
      ({ contender, files }) => withModules(contender.size.lines, files),
    ),
    row(
      'extra steps',
      'Commands and edited files until the site is served, besides installing the server: making an authority and a ' +
        'certificate, the file, the check, the start; and starting each replica, where nothing else does. Having browsers ' +
        'trust the authority is one step with each, and left out. Listed in `steps`.',
      ({ contender }) => count(contender.steps.length, 'step'),
    ),
    row(
      'time to first request',
      'Median (least to most) of interleaved runs on the same running services: from the start of the process until each ' +
        "route has been answered as by the project's edge, on new verified connections every 5 ms. Certificates are there " +
        "already; services are not started: camp's own time with them is timeToFirstRequestMs.",
      ({ contender: { timeToFirstRequestMs: time } }) =>
        time ? `${Math.round(time.median)} ms (${Math.round(time.min)} to ${Math.round(time.max)})` : notMeasured,
    ),
    row(
      'syntax to learn',
      'Distinct directives, and the concepts behind them by the dictionary of docs/metrics.md.',
      ({ contender: { size } }) => `${count(size.directives, 'directive')}, ${count(size.concepts, 'concept')}`,
    ),
    row(
      'security decisions',
      'Statements whose directive is in the published list (docs/metrics.md). The probes ask what comes of leaving them ' +
        'out: the redirect, TLS 1.1, forwarded headers that a client made up.',
      ({ contender: { size, probes } }) =>
        `${size.securityDecisions}${probes.length > 0 ? `; ${passed(probes)} probes passed` : ''}`,
    ),
    row(
      'potential for errors',
      "Each statement (a line, or a block) is left out once; the server's own checker judges the rest, and if it accepts " +
        'it, the server is started and the probes are made. Counted are those that the checker accepts although the site ' +
        'then does not start or answers otherwise. Statements that say where to listen are not left out.',
      ({ fragility }) => (fragility ? silentOf(fragility) : notMeasured),
    ),
    row(
      'maintenance',
      'What is to be done again: a certificate that is made by hand ends after the days that browsers allow. Lines for one ' +
        'service and one replica more: the same files written for a site that has them, minus the lines of this one.',
      maintenanceOf,
    ),
    row(
      'documentation',
      'Distinct directives that are to be looked up once. How long that takes, and how good what is found is: not measured.',
      ({ contender }) => count(contender.size.directives, 'entry', 'entries'),
    ),
    row(
      'replicas that somebody else starts',
      'Running replicas behind the routes. camp starts them, and again when they end; Compose those in containers; the ' +
        'others serve what runs.',
      ({ contender: { server } }) =>
        server === 'camp' ? '0' : server === 'compose' ? 'those that are no containers' : String(replicas),
    ),
  ];
}

function withModules(lines: number, files: readonly RenderedFile[]): string {
  const modules = files.flatMap(({ text }) => text.split('\n')).filter((line) => line.startsWith('LoadModule ')).length;
  return modules > 0 ? `${lines}, ${modules} of them load modules` : String(lines);
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function passed(probes: Contender['probes']): string {
  return `${probes.filter(({ isPassed }) => isPassed).length} of ${probes.length}`;
}

function silentOf({ statements, outcomes }: Fragility): string {
  return `${outcomes.breaks + outcomes['does not start']} of ${statements} statements`;
}

function maintenanceOf({ contender, linesPerService, linesPerReplica }: Compared): string {
  const isByHand = contender.server === 'nginx' || contender.server === 'apache';
  const lines = (n: number | undefined, what: string): string =>
    n === undefined ? `${what}: ${notMeasured}` : `${count(n, 'line')} a ${what}`;
  return [
    isByHand ? `certificate by hand every ${validDays} days` : 'certificate by itself',
    lines(linesPerService, 'service'),
    lines(linesPerReplica, 'replica'),
  ].join('; ');
}

export function linesOf(files: readonly RenderedFile[]): number {
  return files.reduce((sum, { kind, text }) => sum + sizeOfText(kind, text).lines, 0);
}
