import type { Ms } from '../kit/events.ts';
import { sizeOf } from './down.ts';
import { paint, type Style, symbolsOf, type Tone } from './style.ts';
import { type Cell, renderTable } from './table.ts';
import type { PhaseSpan, ProjectStatus, PsReport, ServiceStatus, UpReport } from './types.ts';
import { displayWidth, wrap } from './width.ts';

const indent = '  ';

/** What `camp up` says when it is up (DESIGN section 1). */
export function renderUp(report: UpReport, style: Style): string {
  const rows = report.services.map((service) => [
    { text: service.name, tone: 'bold' } as const,
    { text: readyText(service), ...stateTone(service.state) },
    { text: service.url ?? '', tone: 'accent' } as const,
  ]);
  return [
    ...headline(report, style),
    ...renderTable([{ drop: 0 }, { drop: 1 }, { drop: 0 }], rows, style),
    ...footnote(chainText(report.criticalChain, style), style),
    ...footnote(configText(report, style), style),
  ].join('\n');
}

function headline(report: UpReport, style: Style): readonly string[] {
  const total = Math.max(0, ...report.phases.map((span) => span.endMs));
  const symbols = symbolsOf(style);
  const left = `${report.project} is up in ${seconds(total)}`;
  const first =
    report.timeToFirstRequestMs === null ? undefined : `first request ${seconds(report.timeToFirstRequestMs)}`;
  const right = [first, frontUrl(report.urls)].filter((part) => part !== undefined).join(` ${symbols.dot} `);
  const room = Math.min(style.width, 100) - displayWidth(left) - displayWidth(symbols.good) - 1 - displayWidth(right);
  const good = `${paint(style, 'good', symbols.good)} `;
  if (right === '') return [good + paint(style, 'bold', left)];
  if (room >= 2) return [`${good}${paint(style, 'bold', left)}${' '.repeat(room)}${right}`];
  const [head = '', ...rest] = wrap(left, style.width - displayWidth(symbols.good) - 1);
  return [
    good + paint(style, 'bold', head),
    ...[...rest, ...wrap(right, style.width - indent.length)].map((line) => indent + line),
  ];
}

/** The page that a person would look at first. */
function frontUrl(urls: readonly string[]): string | undefined {
  return urls.find((url) => new URL(url).pathname === '/') ?? urls[0];
}

function readyText({ state, readyMs, replicas }: ServiceStatus): string {
  const times = replicas > 1 ? ` ${replicas}x` : '';
  return (state === 'ready' && readyMs !== null ? `ready ${seconds(readyMs)}` : state) + times;
}

function footnote(text: string, style: Style): readonly string[] {
  if (text === '') return [];
  return wrap(text, style.width - indent.length).map((line) => indent + paint(style, 'dim', line));
}

const words: Readonly<Record<string, string>> = {
  provision: 'fetch',
  install: 'install',
  build: 'build',
  create: 'create containers',
  startEdge: 'edge',
  route: 'route',
  'first-request': 'first request',
  load: 'read files',
  observe: 'look',
  plan: 'plan',
};

/** `db 1.02 → orders 0.48 → route 0.02`: each name with the time that it added to the total. */
function chainText(chain: readonly PhaseSpan[], style: Style): string {
  const links: { readonly name: string; ms: Ms }[] = [];
  let before = 0;
  for (const span of chain) {
    const name = linkName(span);
    const ms = Math.max(0, span.endMs - before);
    before = Math.max(before, span.endMs);
    const last = links.at(-1);
    if (last?.name === name) last.ms += ms;
    else links.push({ name, ms });
  }
  const long = links.filter((link) => link.ms >= 5);
  return long.length === 0
    ? ''
    : `critical chain: ${long.map(({ name, ms }) => `${name} ${(ms / 1000).toFixed(2)}`).join(` ${symbolsOf(style).arrow} `)}`;
}

function linkName({ phase, subject }: PhaseSpan): string {
  const [name = subject] = subject.split(':');
  if (phase === 'start' || phase === 'awaitReady') return name;
  if (phase === 'provision' && name === 'ca') return 'make ca';
  if (phase === 'provision' || phase === 'install') return `${words[phase]} ${subject.split(':').at(-1)}`;
  return words[phase] ?? phase;
}

function configText({ config }: UpReport, style: Style): string {
  const dot = ` ${symbolsOf(style).dot} `;
  const wrote = `you wrote ${config.handWrittenLines} ${config.handWrittenLines === 1 ? 'line' : 'lines'}`;
  return `config: ${[wrote, ...config.files.map((file) => `${file.path} ${file.lines}`)].join(dot)}`;
}

/** `camp ps`; with what it uses, where that is known. */
export function renderStatus(status: ProjectStatus | PsReport, style: Style): string {
  const rows = status.services.map((service): readonly Cell[] => [
    { text: service.name, tone: 'bold' },
    { text: service.state, ...stateTone(service.state) },
    { text: service.replicas === 1 ? '' : `${service.replicas}x` },
    { text: service.placement, tone: 'dim' },
    { text: memoryText(service), tone: 'dim' },
    { text: service.pids.length > 0 ? `pid ${service.pids.join(', ')}` : '', tone: 'dim' },
    { text: service.url ?? '', tone: 'accent' },
  ]);
  const columns = [{ drop: 0 }, { drop: 0 }, { drop: 2 }, { drop: 4 }, { drop: 3 }, { drop: 5 }, { drop: 1 }];
  const head = `${status.project} is ${status.running ? 'running' : 'not running'}`;
  const table = renderTable(columns, rows, style);
  return [
    ...wrap(head, style.width).map((line) => paint(style, 'bold', line)),
    ...table,
    ...footnote(edgeText(status, style), style),
    ...footnote(memoryTotals(status, style), style),
  ].join('\n');
}

function memoryText(service: ServiceStatus | PsReport['services'][number]): string {
  return 'memoryBytes' in service && service.memoryBytes !== null ? sizeOf(service.memoryBytes) : '';
}

/** `memory: 212 MB · services 97 MB · edge 41 MB · camp 74 MB` */
function memoryTotals(status: ProjectStatus | PsReport, style: Style): string {
  if (!('memory' in status) || status.memory === null) return '';
  const { services, edge, camp, totalBytes } = status.memory;
  const parts = [
    sizeOf(totalBytes),
    `services ${sizeOf(services)}`,
    edge === null ? '' : `edge ${sizeOf(edge)}`,
    camp === null ? '' : `camp ${sizeOf(camp)}`,
  ];
  return `memory: ${parts.filter((part) => part !== '').join(` ${symbolsOf(style).dot} `)}`;
}

function edgeText({ edge }: ProjectStatus, style: Style): string {
  if (!edge) return '';
  const parts = [
    `https ${edge.https}`,
    edge.http === null ? '' : `http ${edge.http}`,
    edge.pid === null ? 'not running' : `pid ${edge.pid}`,
  ];
  return `edge: ${parts.filter((part) => part !== '').join(` ${symbolsOf(style).dot} `)}`;
}

function stateTone(state: string): { readonly tone?: Tone } {
  if (state === 'ready') return { tone: 'good' };
  if (state === 'crash-loop' || state === 'exited') return { tone: 'bad' };
  return { tone: state === 'stopped' ? 'dim' : 'warn' };
}

/** `1.84 s`, `2 min 05 s` */
export function seconds(ms: Ms): string {
  const rounded = Math.round(ms / 1000);
  if (rounded < 60) return `${(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(rounded / 60)} min ${String(rounded % 60).padStart(2, '0')} s`;
}
