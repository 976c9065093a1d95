import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Failure } from '../kit/failure.ts';
import { loadProject } from './load.ts';
import type { Loaded, Service } from './types.ts';

/*
 * test/cases/project/*.case: files (`=== name`, compose.yaml where there is no such line; `=== env` is the
 * caller's environment), a line of dashes, then what loading them gives.
 */
const cases = resolve(import.meta.dirname, '..', '..', 'test', 'cases', 'project');
const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-cases-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));

const names = readdirSync(cases).filter((name) => name.endsWith('.case'));

test('there are cases', () => {
  expect(names.length).toBeGreaterThanOrEqual(60);
});

test.each(names)('%s', (name) => {
  const text = readFileSync(join(cases, name), 'utf8');
  const cut = text.lastIndexOf('\n----------\n');
  const dir = join(rig, basename(name, '.case'));
  const env = writeFiles(dir, text.slice(0, cut + 1));
  const printed = print(loadProject(dir, { env }), dir);
  if (process.env['UPDATE_CASES']) writeFileSync(join(cases, name), `${text.slice(0, cut)}\n----------\n${printed}`);
  else expect(printed).toBe(text.slice(cut + '\n----------\n'.length));
});

/** Writes the files of a case and gives its environment. */
function writeFiles(dir: string, text: string): NodeJS.ProcessEnv {
  const parts = text.startsWith('=== ') ? text.split(/^=== (.+)\n/m).slice(1) : ['compose.yaml', text];
  const env: NodeJS.ProcessEnv = { PATH: join(dir, 'bin'), HOME: dir };
  mkdirSync(dir);
  for (let i = 0; i < parts.length; i += 2) {
    const [file = '', content = ''] = parts.slice(i);
    if (file === 'env')
      for (const line of content.trim().split('\n')) env[line.split('=')[0] ?? ''] = line.slice(line.indexOf('=') + 1);
    else if (file.endsWith('/')) mkdirSync(join(dir, file), { recursive: true });
    else {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), unescapeControls(content), { mode: file.startsWith('bin/') ? 0o755 : 0o644 });
    }
  }
  return env;
}

/** `\x{9}` in a case is the character itself, so that odd ones can be seen. */
function unescapeControls(text: string): string {
  return text.replace(/\\x\{([0-9a-f]+)\}/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}

function print({ project, problems, warnings }: Loaded, dir: string): string {
  const lines: string[] = [];
  if (project) {
    lines.push(`project ${project.name} ${project.domain}`);
    for (const service of project.services.values())
      lines.push(`service ${service.name} ${JSON.stringify(shown(service)).replaceAll(',"hasDockerfile":false', '')}`);
    if (project.caddyfile.path === undefined) lines.push(project.caddyfile.text.trimEnd().replaceAll(/^/gm, '  '));
    if (project.measure) lines.push(`measure ${JSON.stringify(project.measure)}`);
    const { CAMP_DOMAIN: _, ...edgeEnv } = project.edgeEnv;
    if (Object.keys(edgeEnv).length > 0) lines.push(`edge ${JSON.stringify(edgeEnv)}`);
  }
  for (const problem of problems) lines.push(...card(problem, '✖'));
  for (const warning of warnings) lines.push(...card(warning, '!'));
  return `${lines.join('\n')}\n`.replaceAll(dir, '/case');
}

/** A service without what is as Compose has it by default. */
function shown(service: Service): object {
  const { name, source, dependsOn, stop, replicas, restart, env, container, unread, hints: _, ...rest } = service;
  const kept = Object.entries({ ...rest, env }).filter(
    ([, value]) =>
      value !== false && value !== undefined && !(typeof value === 'object' && Object.keys(value).length === 0),
  );
  return {
    at: `${source.line}:${source.col}`,
    ...Object.fromEntries(kept),
    ...(unread.length > 0 ? { unread: unread.map((each) => each.key) } : {}),
    ...unusual(container),
    ...(dependsOn.size > 0 ? { dependsOn: Object.fromEntries(dependsOn) } : {}),
    ...(replicas === 1 ? {} : { replicas }),
    ...(restart === 'no' ? {} : { restart }),
    ...(stop.signal === 'SIGTERM' && stop.graceMs === 10_000 ? {} : { stop }),
  };
}

/** What a container would not be without a word in the file. */
function unusual({ networks, needsCompose, ...rest }: Service['container']): object {
  const kept = {
    ...rest,
    ...(networks.length === 1 && networks[0] === 'default' ? {} : { networks }),
    ...(needsCompose ? { needsCompose } : {}),
  };
  return Object.keys(kept).length > 0 ? { container: kept } : {};
}

function card({ code, fault, message, hints, source }: Failure, sign: string): readonly string[] {
  const head = `${sign} ${message} [${fault} ${code}]`;
  const text = source?.text ?? '';
  const visible = (part: string) =>
    part.replace(/[^ -~\u00a0-\uffff]/g, (odd) => `\\x{${odd.codePointAt(0)?.toString(16)}}`);
  const place = source ? [`    ${source.file}:${source.line}:${source.col} ${visible(text)}`.trimEnd()] : [];
  const mark =
    source && text ? [`    ${visible(text.slice(source.col - 1, source.col - 1 + (source.length ?? 1)))}`] : [];
  return [
    head,
    ...place,
    ...mark.map((each) => each.replace(/^ {4}/, '    at: ')),
    ...hints.map((hint) => `    → ${hint}`),
  ];
}
