// `npm run figures`: measures two starters with `camp measure`, keeps what README shows of it in docs/figures.json and
// writes the part of README between the two marks from that file. Best on a quiet machine.
// `npm run figures -- --check`: README is what docs/figures.json says, and what can be counted is counted again and is
// the same; times are shown beside the recorded ones, and judged by nobody.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { inWords } from '../../src/stopwatch/words.ts';

const root = join(import.meta.dirname, '..', '..');
const camp = join(root, 'bin', 'camp.js');
const readmeFile = join(root, 'README.md');
const figuresFile = join(root, 'docs', 'figures.json');
const marks = ['<!-- figures:begin -->', '<!-- figures:end -->'];
const parts = 'first-request,reload,recover,memory,stop,configuration';
const starters = { hello: ['--compare', 'nginx,apache,caddy'], shop: [] };
const servers = { camp: 'camp', caddy: 'Caddy', nginx: 'nginx', apache: 'Apache' };
/** What of a report is shown: the figure's key, and its words in the table. */
const measured = {
  timeToFirstRequestMs: '`camp up` until every service has answered',
  timeToReloadMs: 'a file saved, until the new answer (Node)',
  timeToRecoverMs: 'a service killed, until its next answer',
  recoverFailedRequests: 'requests that failed meanwhile',
  memoryBytes: 'memory, everything together',
  timeToStopMs: '`camp down`',
};

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, runs: { type: 'string' } } });
const recorded = values.check ? JSON.parse(readFileSync(figuresFile, 'utf8')) : undefined;
const trouble = recorded && readmeWith(recorded) !== readme() ? ['README.md is not what docs/figures.json says'] : [];
const figures = measureAll(Number(values.runs ?? (values.check ? 1 : 5)));
if (recorded) {
  trouble.push(...differences(recorded, figures));
  console.log(sideBySide(recorded, figures));
  for (const one of trouble) console.error(`✖ ${one}`);
  if (trouble.length > 0) console.error('fix: npm run figures, on a quiet machine, and commit what it has written');
  else console.log('README.md is what was counted');
  process.exitCode = trouble.length > 0 ? 1 : 0;
} else {
  writeFileSync(figuresFile, `${JSON.stringify(figures, undefined, 2)}\n`);
  writeFileSync(readmeFile, readmeWith(figures));
  console.log(`${blockOf(figures)}\n\nwritten to docs/figures.json and README.md`);
}

function measureAll(runs) {
  const dir = mkdtempSync(join(tmpdir(), 'camp-figures-'));
  try {
    const reports = Object.entries(starters).map(([name, more]) => [name, reportOf(dir, name, runs, more)]);
    const [[, first]] = reports;
    return {
      date: first.time.slice(0, 10),
      command: `camp measure --only ${parts} --runs ${runs}`,
      runs,
      machine: shown(first.machine),
      versions: first.versions,
      starters: Object.fromEntries(reports.map(([name, report]) => [name, figuresOf(name, report)])),
      servers: Object.fromEntries(Object.keys(servers).map((server) => [server, countsOf(first, server)])),
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function shown({ platform, arch, cpus, cpu, memoryBytes, loadAverage: [load] }) {
  return { platform, arch, cpus, cpu, memoryBytes, load };
}

function reportOf(dir, name, runs, more) {
  console.error(`camp measure of ${name}`);
  run(['-C', dir, 'init', name, '--starter', name, '--yes'], 'ignore');
  const args = ['-C', join(dir, name), 'measure', '--only', parts, '--runs', String(runs), ...more, '--json'];
  const report = JSON.parse(run(args, 'pipe'));
  for (const note of report.notes) console.error(`${name}: ${note}`);
  return report;
}

/** Ends with camp's own exit code where camp fails. */
function run(args, stdout) {
  const result = spawnSync(process.execPath, [camp, ...args], {
    stdio: ['ignore', stdout, 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (result.status === 0) return result.stdout;
  throw new Error(`camp ${args.join(' ')}: ${result.signal ?? `exit ${result.status}`}\n${result.stdout ?? ''}`);
}

function figuresOf(name, { metrics, configuration }) {
  const { handWritten, generated, steps, movingParts, files } = configuration;
  return {
    counted: {
      commands: steps.length,
      parts: movingParts.length,
      handWrittenLines: handWritten.lines,
      generatedLines: generated.lines,
      composeLines: files.find(({ path }) => path === 'compose.yaml').lines,
    },
    measured: Object.fromEntries(Object.keys(measured).map((id) => [id, figureOf(name, metrics, id)])),
  };
}

/** Of a metric that there is for several languages the one of Node. */
function figureOf(name, metrics, id) {
  const metric = metrics.find((one) => one.id === id && (one.language ?? 'node') === 'node');
  if (metric?.status !== 'measured') throw new Error(`${id} of ${name}: ${metric?.reason ?? 'not measured'}`);
  const { median, min, max, unit } = metric;
  return { median: rounded(median), min: rounded(min), max: rounded(max), unit };
}

function rounded(value) {
  return Number(value.toFixed(1));
}

/** Only of servers that have really served the site: of others nobody knows whether their files are enough. */
function countsOf({ comparison }, name) {
  const { server, status, reason, probes, size, steps } = comparison.contenders.find(({ server }) => server === name);
  const failed = probes.filter(({ isPassed }) => !isPassed).map(({ name, detail }) => `${name}: ${detail}`);
  if (status !== 'served' || failed.length > 0)
    throw new Error(`${server} has not served the site (${status}): ${[reason, ...failed].filter(Boolean).join('; ')}`);
  const { directives, securityDecisions, files } = size;
  // of Apache's some only load modules, which the report says
  const lines = comparison.rows.find(({ name }) => name === 'lines of configuration').values[server];
  return { lines, directives, securityDecisions, files, steps: steps.length, probes: probes.length };
}

function readme() {
  return readFileSync(readmeFile, 'utf8');
}

function readmeWith(figures) {
  const text = readme();
  const [begin, end] = marks.map((mark) => text.indexOf(mark));
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${marks.join(' … ')}`);
  return `${text.slice(0, begin)}${marks[0]}\n\n${blockOf(figures)}\n\n${text.slice(end)}`;
}

function blockOf({ date, runs, machine, versions, starters, servers: counts }) {
  const all = Object.values(starters);
  const counted = (words, key) => [words, ...all.map((one) => String(one.counted[key]))];
  const compared = (words, key) => [words, ...Object.keys(servers).map((server) => String(counts[server][key]))];
  const { caddy, nginx, apache, node } = versions;
  const [{ counted: hello }] = all;
  return [
    table([
      ['', ...Object.keys(starters).map((name) => `starter \`${name}\``)],
      counted('commands until it runs', 'commands'),
      counted('parts that run, with the edge and camp', 'parts'),
      counted('lines of configuration that you write', 'handWrittenLines'),
      counted('lines of configuration that camp has written', 'generatedLines'),
      ...Object.entries(measured).map(([id, words]) => [words, ...all.map((one) => inCell(one.measured[id]))]),
    ]),
    '',
    'The site of `hello`, served by others:',
    '',
    table([
      ['', ...Object.values(servers)],
      compared('lines of configuration', 'lines'),
      compared('distinct directives', 'directives'),
      compared('security decisions', 'securityDecisions'),
      compared('steps, besides installing the server', 'steps'),
    ]),
    '',
    ...wrap(
      `Nothing here is typed in: \`npm run figures\` wrote it from \`camp measure\`, on ${date}, on ${machineIn(machine)}, with ` +
        `Node ${node.replace(/^v/, '')}, Caddy ${caddy}, nginx ${nginx} and Apache ${apache}. Times are medians of ${runs} runs, with the least and ` +
        'the greatest. camp wrote the files of the other servers from the routes of the project; each was accepted by the ' +
        `server's own checker, started, and answered ${counts.nginx.probes} probes as camp did. For camp the Caddyfile counts; what ` +
        `compose.yaml says in ${hello.composeLines} lines, which programs run, the others are not told at all. CI counts again, and fails if anything differs.`,
    ),
  ].join('\n');
}

function machineIn({ platform, arch, cpus, cpu, memoryBytes, load }) {
  return `${platform} ${arch} with ${cpus} processors (${cpu}), ${inWords(memoryBytes, 'bytes')}, load ${load.toFixed(1)}`;
}

/** `312 ms (301–340)`; a count without a spread is a number. */
function inCell({ median, min, max, unit }) {
  if (unit === 'requests') return min === max ? String(median) : `${median} (${min}–${max})`;
  const [least, greatest] = [inWords(min, unit), inWords(max, unit)];
  const isOneUnit = least.split(' ')[1] === greatest.split(' ')[1];
  return `${inWords(median, unit)} (${isOneUnit ? least.split(' ')[0] : least}–${isOneUnit ? greatest.split(' ')[0] : greatest})`;
}

/** Numbers at the right; columns as wide as their widest cell. */
function table([head, ...rows]) {
  const widths = head.map((_, at) => Math.max(4, ...[head, ...rows].map((row) => row[at].length)));
  const line = (cells) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join(' | ')} |`;
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function wrap(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== '' && last.length + 1 + word.length > 120) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

/** Of what is counted, not measured. */
function differences(before, now) {
  const counts = ({ starters, servers }) => ({
    ...Object.fromEntries(Object.entries(starters).map(([name, { counted }]) => [name, counted])),
    ...Object.fromEntries(Object.entries(servers).map(([name, counted]) => [`hello served by ${name}`, counted])),
  });
  const [old, fresh] = [counts(before), counts(now)];
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])].flatMap((name) =>
    [...new Set([...Object.keys(old[name] ?? {}), ...Object.keys(fresh[name] ?? {})])]
      .filter((key) => !isDeepStrictEqual(old[name]?.[key], fresh[name]?.[key]))
      .map((key) => `${name}, ${key}: ${fresh[name]?.[key]}, and docs/figures.json says ${old[name]?.[key]}`),
  );
}

function sideBySide(before, now) {
  const rows = Object.entries(now.starters).flatMap(([name, { measured }]) =>
    Object.entries(measured).map(([id, figure]) => {
      const old = before.starters[name]?.measured[id];
      return [`${name}: ${id}`, old ? inCell(old) : '', inCell(figure)];
    }),
  );
  return table([['', `recorded ${before.date}`, 'now'], ...rows]);
}
