import type {
  Contender,
  Figure,
  MeasuredPhase,
  MeasureReport,
  Metric,
  MetricId,
  Size,
  Unit,
} from '../../src/stopwatch/types.ts';

/** A figure from the values that were taken; an odd number of them, so that one of them is the median. */
function figure(...values: readonly number[]): Figure {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return { values, median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

function measured(id: MetricId, unit: Unit, values: readonly number[], more: Partial<Metric> = {}): Metric {
  return { id, ...more, status: 'measured', unit, ...figure(...values) } as Metric;
}

const span = (phase: string, subject: string, beginMs: number, endMs: number): MeasuredPhase => ({
  phase,
  subject,
  beginMs,
  endMs,
});

const size = (
  files: number,
  lines: number,
  statements: number,
  directives: number,
  securityDecisions: number,
  concepts: number,
): Size => ({ files, lines, statements, directives, securityDecisions, concepts });

const phases: readonly MeasuredPhase[] = [
  span('load', 'files', 96.4, 121.8),
  span('observe', 'machine', 121.8, 148.2),
  span('plan', 'steps', 148.3, 149.1),
  span('prepare', 'orders-db', 149.4, 160.2),
  span('startEdge', 'edge', 150.1, 462.5),
  span('start', 'orders-db:1', 160.3, 288.9),
  span('start', 'nats:1', 161.2, 190.4),
  span('awaitReady', 'nats:1', 190.4, 236.8),
  span('awaitReady', 'orders-db:1', 288.9, 611.3),
  span('route', 'edge', 462.6, 489.7),
  span('first-request', 'web', 489.8, 503.1),
  span('start', 'inventory:1', 237.4, 262.1),
  span('awaitReady', 'inventory:1', 262.1, 838.6),
  span('first-request', 'inventory', 838.7, 846.2),
  span('start', 'orders:1', 611.5, 640.9),
  span('awaitReady', 'orders:1', 640.9, 1228.4),
  span('start', 'orders:2', 612.1, 655.2),
  span('awaitReady', 'orders:2', 655.2, 1241.7),
  span('first-request', 'orders', 1228.6, 1243.9),
];

const contender = (server: Contender['server'], more: Omit<Contender, 'server'>): Contender => ({ server, ...more });

const probes = (isRedirected: boolean): Contender['probes'] => [
  { name: 'https /', isPassed: true, detail: '200' },
  { name: 'https /api/orders', isPassed: true, detail: '200' },
  { name: 'http / redirects', isPassed: isRedirected, detail: isRedirected ? '308' : '301, where the others say 308' },
  { name: 'websocket /api/live', isPassed: true, detail: '101' },
];

/** A report with something in every place: five runs on a project of four services, a database and a broker. */
export const measureReport: MeasureReport = {
  schema: 1,
  project: 'shop',
  domain: 'shop.localhost',
  time: '2026-03-14T09:26:53.589Z',
  runs: 5,
  machine: {
    platform: 'linux',
    release: '6.8.0-51-generic',
    arch: 'x64',
    cpus: 2,
    cpu: 'AMD EPYC 7763',
    memoryBytes: 8_217_000_000,
    loadAverage: [0.42, 1.18],
  },
  versions: { camp: '0.1.0', node: 'v24.21.0', caddy: '2.11.4', nginx: '1.26.3', apache: '2.4.66' },
  metrics: [
    measured('timeToFirstRequestMs', 'ms', [1251.3, 1243.9, 1288.4, 1229.7, 1240.2]),
    measured('coldTimeToFirstRequestMs', 'ms', [6920.1, 6688.4, 7411.9, 6702.5, 6811]),
    measured('timeToReadyMs', 'ms', [1248.8, 1241.7, 1285.1, 1227, 1238.4]),
    measured('timeToFirstTraceMs', 'ms', [1266.2, 1259.4, 1301.7, 1244.1, 1255.9]),
    measured('timeToFirstMessageMs', 'ms', [48.2, 41.7, 55.3, 43.8, 44.6]),
    measured('timeToReloadMs', 'ms', [211.4, 198.2, 236.9, 204, 207.3], { subject: 'orders', language: 'node' }),
    measured('timeToReloadMs', 'ms', [402.8, 388.1, 467.2, 395.5, 399.6], { subject: 'inventory', language: 'python' }),
    {
      id: 'timeToReloadMs',
      subject: 'payments',
      language: 'go',
      status: 'failed',
      reason: 'no answer from the new code within 30 s: the build ended with 1',
      code: 'NOT_READY',
    },
    measured('reloadFailedRequests', 'requests', [0, 0, 0, 0, 0], { subject: 'orders', language: 'node' }),
    measured('timeToRecoverMs', 'ms', [104.9, 93.2, 113.6, 98.1, 101.4], { subject: 'orders' }),
    measured('recoverFailedRequests', 'requests', [0, 0, 1, 0, 0], { subject: 'orders' }),
    measured('timeToRecoverTwoReplicasMs', 'ms', [9.8, 8.1, 12.4, 8.8, 9.1], { subject: 'orders' }),
    measured('recoverTwoReplicasFailedRequests', 'requests', [0, 0, 0, 0, 0], { subject: 'orders' }),
    measured('timeToAddServiceMs', 'ms', [1904.2, 1841.8, 2077.6, 1866.3, 1871.5]),
    measured('timeToScaleMs', 'ms', [688.4, 651.9, 742, 660.2, 671.8], { subject: 'orders' }),
    measured('timeToStopMs', 'ms', [312.8, 288.4, 341.9, 301.7, 305]),
    {
      id: 'memoryBytes',
      status: 'not-applicable',
      reason: 'this system does not tell what a process uses',
    },
  ],
  services: [
    {
      name: 'web',
      placement: 'static',
      language: null,
      firstRequestMs: figure(511, 503.1, 520.4, 498.8, 500.2),
      coldFirstRequestMs: null,
      readyMs: null,
      status: 200,
    },
    {
      name: 'orders',
      placement: 'process',
      language: 'node',
      firstRequestMs: figure(1251.3, 1243.9, 1288.4, 1229.7, 1240.2),
      coldFirstRequestMs: figure(6512.4, 6480.2, 6603.9),
      readyMs: figure(1248.8, 1241.7, 1285.1, 1227, 1238.4),
      status: 200,
    },
    {
      name: 'inventory',
      placement: 'process',
      language: 'python',
      firstRequestMs: figure(851.9, 846.2, 880.3, 838.8, 842),
      coldFirstRequestMs: null,
      readyMs: figure(844.1, 838.6, 872.2, 831.3, 835.2),
      status: 200,
    },
    {
      name: 'orders-db',
      placement: 'native server',
      language: null,
      firstRequestMs: null,
      coldFirstRequestMs: null,
      readyMs: figure(618.2, 611.3, 640.2, 603, 607.9),
      status: null,
    },
  ],
  phases,
  criticalChain: phases.filter(
    ({ subject, phase }) =>
      ['files', 'machine', 'orders-db', 'orders-db:1', 'orders:2'].includes(subject) ||
      (subject === 'orders' && phase === 'first-request'),
  ),
  configuration: {
    files: [
      {
        path: 'Caddyfile',
        kind: 'Caddyfile',
        origin: 'generated',
        lines: 8,
        statements: 7,
        directives: 3,
        securityDecisions: 0,
        concepts: 4,
      },
      {
        path: 'compose.yaml',
        kind: 'compose',
        origin: 'hand-written',
        lines: 41,
        statements: 41,
        directives: 16,
        securityDecisions: 1,
        concepts: 14,
      },
      {
        path: 'services/orders/Dockerfile',
        kind: 'Dockerfile',
        origin: 'generated',
        lines: 9,
        statements: 9,
        directives: 7,
        securityDecisions: 1,
        concepts: 7,
      },
      {
        path: 'services/inventory/Dockerfile',
        kind: 'Dockerfile',
        origin: 'generated',
        lines: 8,
        statements: 8,
        directives: 7,
        securityDecisions: 1,
        concepts: 7,
      },
    ],
    handWritten: size(1, 41, 41, 16, 1, 14),
    generated: size(3, 25, 24, 10, 2, 11),
    total: size(4, 66, 65, 25, 3, 24),
    steps: ['camp init shop --starter shop', 'cd shop', 'edit compose.yaml', 'camp up -d'],
    movingParts: ['camp', 'edge', 'web', 'orders', 'inventory', 'orders-db', 'nats'],
    services: [
      { name: 'web', lines: 3, statements: 3 },
      { name: 'orders', lines: 21, statements: 21 },
      { name: 'inventory', lines: 18, statements: 18 },
      { name: 'orders-db', lines: 7, statements: 7 },
      { name: 'nats', lines: 4, statements: 4 },
    ],
    securityDecisions: [
      { file: 'compose.yaml', line: 33, directive: 'secrets' },
      { file: 'services/orders/Dockerfile', line: 8, directive: 'USER' },
      { file: 'services/inventory/Dockerfile', line: 7, directive: 'USER' },
    ],
    concepts: [
      'build',
      'depends_on',
      'environment',
      'healthcheck',
      'image',
      'reverse_proxy',
      'secrets',
      'site address',
    ],
  },
  comparison: {
    contenders: [
      contender('camp', {
        version: '0.1.0',
        status: 'served',
        reason: null,
        files: [
          { path: 'Caddyfile', lines: 8 },
          { path: 'compose.yaml', lines: 41 },
        ],
        size: size(2, 49, 48, 19, 1, 18),
        steps: ['camp up'],
        timeToFirstRequestMs: figure(1251.3, 1243.9, 1288.4, 1229.7, 1240.2),
        probes: probes(true),
      }),
      contender('caddy', {
        version: '2.11.4',
        status: 'served',
        reason: null,
        files: [{ path: 'Caddyfile', lines: 12 }],
        size: size(1, 12, 9, 5, 0, 6),
        steps: ['start the services', 'caddy start'],
        timeToFirstRequestMs: figure(318.2, 301.4, 342.9, 309.5, 311.8),
        probes: probes(true),
      }),
      contender('nginx', {
        version: '1.26.3',
        status: 'served',
        reason: null,
        files: [{ path: 'nginx.conf', lines: 51 }],
        size: size(1, 51, 43, 24, 10, 27),
        steps: ['start the services', 'make a certificate', 'trust it', 'nginx -c nginx.conf'],
        timeToFirstRequestMs: figure(96.1, 88.7, 121.2, 91, 92.4),
        probes: probes(false),
      }),
      contender('apache', {
        version: '2.4.66',
        status: 'checked',
        reason: 'apache2 could not listen on port 41443',
        files: [
          { path: 'httpd.conf', lines: 34 },
          { path: 'modules.conf', lines: 13 },
        ],
        size: size(2, 47, 42, 21, 12, 25),
        steps: ['start the services', 'make a certificate', 'trust it', 'apachectl start'],
        timeToFirstRequestMs: null,
        probes: [],
      }),
      contender('compose', {
        version: null,
        status: 'rendered',
        reason: 'no Docker engine is reachable',
        files: [{ path: 'compose.yaml', lines: 58 }],
        size: size(1, 58, 58, 20, 3, 20),
        steps: ['docker compose up'],
        timeToFirstRequestMs: null,
        probes: [],
      }),
    ],
    rows: [
      {
        name: 'lines of configuration',
        derivation: 'logical lines of the files that each was served from',
        values: { camp: '49', caddy: '12', nginx: '51', apache: '47', compose: '58' },
      },
      {
        name: 'extra steps',
        derivation: 'commands and edits until the first request, without installing',
        values: { camp: '1', caddy: '2', nginx: '4', apache: '4', compose: '1' },
      },
      {
        name: 'time to first request',
        derivation: 'median of five runs, interleaved; the services were up already, but for camp',
        values: { camp: '1.24 s', caddy: '312 ms', nginx: '92 ms' },
      },
      {
        name: 'syntax to learn',
        derivation: 'distinct directives',
        values: { camp: '19', caddy: '5', nginx: '24', apache: '21', compose: '20' },
      },
      {
        name: 'security decisions',
        derivation: 'statements whose directive is in the list of docs/metrics.md',
        values: { camp: '1', caddy: '0', nginx: '10', apache: '12', compose: '3' },
      },
      {
        name: 'potential for errors',
        derivation: 'statements that the server accepts, and with which a probe fails, when left out one at a time',
        values: { camp: '6 of 48', caddy: '4 of 9', nginx: '19 of 43', apache: '17 of 42' },
      },
    ],
  },
  whatIf: {
    of: 'add-service',
    hops: 1,
    millisecondsPerCall: figure(0.94, 0.81, 1.22, 0.86, 0.88),
    memoryBytes: figure(52_400_000, 51_900_000, 53_200_000, 52_000_000, 52_100_000),
    lines: 17,
    movingParts: { before: 7, after: 8 },
    availability: { before: 0.993020965034979, after: 0.992027944069944 },
  },
  budgets: [
    {
      expression: 'ttfr=3s',
      status: 'met',
      value: 1243.9,
      limit: 3000,
      unit: 'ms',
      message: 'time to first request 1.24 s, 1.76 s below 3 s',
    },
    {
      expression: 'lines=40',
      status: 'exceeded',
      value: 41,
      limit: 40,
      unit: 'count',
      message: 'hand-written lines 41, 1 above 40, since 2026-03-12',
    },
    {
      expression: 'reload=200ms',
      status: 'within-noise',
      value: 207.3,
      limit: 200,
      unit: 'ms',
      message: 'time to reload orders 207 ms, 7 ms above 200 ms, which is within the noise of these runs',
    },
    {
      expression: 'memory=700MB',
      status: 'not-measured',
      value: null,
      limit: 700_000_000,
      unit: 'bytes',
      message: 'memory was not measured: this system does not tell what a process uses',
    },
  ],
  notes: [
    'the load average rose to 1.18 while measuring: something else may have been running',
    'orders was started with a warm compile cache',
  ],
};

/** The least that a report can be: nothing could be measured, nothing was asked for beyond it. */
export const bareReport: MeasureReport = {
  ...measureReport,
  versions: { camp: '0.1.0' },
  metrics: [{ id: 'timeToFirstRequestMs', status: 'not-applicable', reason: 'no service has a route' }],
  services: [],
  phases: [],
  criticalChain: [],
  configuration: null,
  comparison: null,
  whatIf: null,
  budgets: [],
  notes: [],
};

/** What tries to leave its place: markup, table cells, code, direction marks, terminal sequences, line breaks. */
export const hostile = [
  '<script>alert(1)</script>',
  '</style></svg><img src=x onerror=alert(1)>',
  '"><a href="javascript:alert(1)">x</a>',
  "' onload='alert(1)",
  'a|b\\|c``d`',
  '\u202egnp.exe\u2066x\u200f\u061c',
  '\x1b[2J\x1b]0;title\x07\x9b31mred\x00\x08',
  'one\r\ntwo\n\n| three |\n# four',
  '@everyone #1 https://evil.example www.evil.example [x](y) ![z](w) *b* _i_ ~s~ <!-- c --> &amp;',
  ']]>&lt;\ud800\ufffe\u2028',
  '日本語のサービス名がとても長い場合はどうなるのか',
  'x'.repeat(300),
] as const;

/** The full report with one text in the place of each name and reason that comes from the project. */
export function hostileReport(text: string): MeasureReport {
  const report = measureReport;
  const configuration = report.configuration!;
  const comparison = report.comparison!;
  return {
    ...report,
    project: text,
    domain: text,
    machine: { ...report.machine, cpu: text, release: text },
    versions: { ...report.versions, [text]: text },
    metrics: report.metrics.map((metric): Metric => {
      const subject = { subject: text, language: text };
      return metric.status === 'measured' ? { ...metric, ...subject } : { ...metric, ...subject, reason: text };
    }),
    services: report.services.map((service) => ({ ...service, name: text, placement: text, language: text })),
    phases: report.phases.map((phase) => ({ ...phase, subject: text })),
    criticalChain: report.criticalChain.map((phase) => ({ ...phase, subject: text, phase: text })),
    configuration: {
      ...configuration,
      files: configuration.files.map((file) => ({ ...file, path: text })),
      steps: [text],
      movingParts: [text, text],
      services: [{ name: text, lines: 1, statements: 1 }],
      securityDecisions: [{ file: text, line: 1, directive: text }],
      concepts: [text],
    },
    comparison: {
      contenders: comparison.contenders.map((one) => ({
        ...one,
        version: text,
        reason: text,
        files: one.files.map((file) => ({ ...file, path: text })),
        steps: [text],
        probes: [{ name: text, isPassed: false, detail: text }],
      })),
      rows: [{ name: text, derivation: text, values: { camp: text, nginx: text } }],
    },
    whatIf: { ...report.whatIf!, of: text },
    budgets: report.budgets.map((budget) => ({ ...budget, expression: text, message: text })),
    notes: [text],
  };
}

const { memoryBytes: _, loadAverage: __, ...machine } = measureReport.machine;
const runner = { ...machine, cpu: 'Intel Xeon Platinum 8370C', cpus: 4 };

/** Lines of a .camp/metrics.jsonl: ups, a converge, measurements on two machines, and three that cannot be read. */
export const measureHistory: readonly string[] = [
  ...[1884, 1790.2, 1811.9, 1702.4].map((ms, day) => up(`2026-02-0${day + 1}T10:00:00.000Z`, ms)),
  JSON.stringify({ ...JSON.parse(up('2026-02-05T10:00:00.000Z', 12)), kind: 'converge' }),
  past('2026-02-10T08:00:00.000Z', 1650, 34),
  past('2026-02-17T08:00:00.000Z', 1420, 36),
  past('2026-02-21T16:00:00.000Z', 890, 36, runner),
  '{"schema":1,"kind":"measure","time":"2026-02-2',
  past('2026-02-24T08:00:00.000Z', 1480, 37),
  past('2026-02-28T16:00:00.000Z', 905, 38, runner),
  '{"schema":7,"kind":"measure"}',
  past('2026-03-03T08:00:00.000Z', 1310, 40),
  past('2026-03-07T16:00:00.000Z', 871, 40, runner),
  'null',
  past('2026-03-12T08:00:00.000Z', 1265, 41),
  past('2026-03-14T09:26:53.589Z', 1243.9, 41),
  '',
];

function up(time: string, timeToFirstRequestMs: number): string {
  return JSON.stringify({ schema: 1, kind: 'up', time, timeToFirstRequestMs, machine, versions: { camp: '0.1.0' } });
}

function past(time: string, median: number, lines: number, on: object = machine): string {
  const metric = (id: string, factor: number, more: object = {}): object => ({
    id,
    ...more,
    median: median * factor,
    min: median * factor * 0.97,
    max: median * factor * 1.06,
  });
  return JSON.stringify({
    schema: 1,
    kind: 'measure',
    time,
    metrics: [
      metric('timeToFirstRequestMs', 1),
      metric('coldTimeToFirstRequestMs', 5.4),
      metric('timeToReloadMs', 0.17, { subject: 'orders' }),
    ],
    configuration: { lines: lines + 25, directives: Math.round((lines + 25) / 2.6) },
    machine: on,
    versions: { camp: '0.1.0' },
  });
}
