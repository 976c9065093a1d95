import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { init, proposeInit } from '../../src/camp/scaffold.ts';
import { packageName, version } from '../../src/camp/version.ts';
import { describeCommands } from '../../src/commands/manifest.ts';
import { parseDocument } from '../../src/project/yaml.ts';
import { treeOf } from '../rig/failing-disk.ts';

const workflow = '.github/workflows/camp.yml';

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'camp-init-ci-'));
  dir = join(root, 'shop');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function files(all: Readonly<Record<string, string>>, below = dir): void {
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(below, path)), { recursive: true });
    writeFileSync(join(below, path), text);
  }
}
const read = (path = workflow) => readFileSync(join(dir, path), 'utf8');
const ci = (more: object = {}, isDryRun = false) => init({ dir, isCi: true, ...more }, isDryRun);

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
  readonly if?: string;
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly 'runs-on': string;
        readonly 'timeout-minutes': number;
        readonly permissions?: unknown;
        readonly defaults?: unknown;
        readonly steps: readonly Step[];
      }
    >
  >;
}

/** The workflow as GitHub would read it; what is no YAML fails. */
function parsed(text: string): Workflow {
  const document = parseDocument(text);
  expect([...document.errors, ...document.warnings]).toEqual([]);
  return document.toJS() as Workflow;
}

function stepsOf(text: string): readonly Step[] {
  const jobs = Object.values(parsed(text).jobs);
  expect(jobs).toHaveLength(1);
  return jobs[0]?.steps ?? [];
}

const commandsOf = (text: string) => stepsOf(text).flatMap(({ run }) => run ?? []);

/** A project that is there, with a service that has a test. */
const project = {
  'compose.yaml': 'x-camp: native\nservices:\n  api:\n    build: services/api\n',
  Caddyfile: '{$CAMP_DOMAIN:shop.localhost} {\n\treverse_proxy api:8080\n}\n',
  'services/api/package.json': '{"scripts":{"start":"node main.mjs","test":"node --test"}}',
  'services/api/main.mjs': '',
};

describe('what is written', () => {
  test.each(['hello', 'shop', 'monolith'])('with the starter %s, all of it and the workflow', async (starter) => {
    const { changes, next } = await ci({ starter });
    expect(changes.map(({ path }) => path)).toEqual(expect.arrayContaining(['compose.yaml', workflow]));
    expect(commandsOf(read())).toContain('camp test');
    expect(next).toContain('camp up');
    const without = await proposeInit({ dir: join(root, 'other'), starter });
    expect(without.changes.map(({ path }) => path)).not.toContain(workflow);
  });

  test('in a project that is there, the workflow and nothing else', async () => {
    files(project);
    const before = treeOf(dir);
    const { changes, notes, next } = await ci();
    expect(changes.map(({ path }) => path)).toEqual([workflow]);
    expect(notes).toEqual([`the workflow installs camp ${version}`]);
    expect(next).toEqual(['git add .github']);
    expect(treeOf(dir, ['.camp', '.github'])).toEqual(before);
  });

  test('in a project with one of the two files, the other is not made up', async () => {
    for (const name of ['compose.yaml', 'Caddyfile'] as const) {
      rmSync(dir, { recursive: true, force: true });
      files({ ...project, [name === 'Caddyfile' ? 'compose.yaml' : 'Caddyfile']: '' });
      rmSync(join(dir, name === 'Caddyfile' ? 'compose.yaml' : 'Caddyfile'));
      expect((await ci()).changes.map(({ path }) => path)).toEqual([workflow]);
    }
  });

  test('a folder with code is adopted, and gets the workflow', async () => {
    files({ 'api/package.json': project['services/api/package.json'], 'api/main.mjs': '' });
    const { changes } = await ci();
    expect(changes.map(({ path }) => path).sort()).toEqual([workflow, 'Caddyfile', 'compose.yaml']);
  });

  test('a dry run shows it and writes nothing', async () => {
    files(project);
    const before = treeOf(dir);
    const { diff } = await ci({}, true);
    expect(diff).toContain('+      - name: Measure');
    expect(treeOf(dir)).toEqual(before);
  });

  test('again it changes nothing, and what a person changed stays', async () => {
    files(project);
    await ci();
    const before = treeOf(dir);
    expect(await ci()).toMatchObject({ changes: [], notes: [`${workflow} is there already`], next: ['camp up'] });
    expect(treeOf(dir)).toEqual(before);
    files({ [workflow]: 'name: mine\n' });
    expect(await ci()).toMatchObject({ changes: [], notes: [`${workflow} is yours and stays as it is`] });
    expect(read()).toBe('name: mine\n');
  });

  test('without tests it does not ask for any, which would be an error', async () => {
    files({ ...project, 'services/api/package.json': '{"scripts":{"start":"node main.mjs"}}' });
    const { notes } = await ci();
    expect(notes).toContain('there are no tests yet, so the workflow does not run camp test');
    expect(commandsOf(read()).filter((command) => command.startsWith('camp test'))).toEqual([]);
    await ci({ dir: join(root, 'bare'), starter: 'empty' });
    expect(commandsOf(readFileSync(join(root, 'bare', workflow), 'utf8'))).not.toContain('camp test');
  });

  test('below the top of a repository it works in the folder of the project, and says that it must be moved', async () => {
    files({ '.git/HEAD': 'ref: refs/heads/main' }, root);
    files(project);
    const { notes } = await ci();
    expect(notes[0]).toBe('GitHub finds workflows only at the top of a repository: move .github from shop there');
    const [job] = Object.values(parsed(read()).jobs);
    expect(job?.defaults).toEqual({ run: { 'working-directory': 'shop' } });
    expect(stepsOf(read()).find(({ run }) => run === 'npm ci')?.if).toBe("hashFiles('shop/package-lock.json') != ''");
    expect(stepsOf(read()).find(({ uses }) => uses?.includes('upload'))?.with?.['path']).toBe('shop/camp-measure.html');
  });

  test("a folder's name is no way into the workflow", async () => {
    const odd = join(root, "a') || true #\n${{ secrets.X }}");
    files({ '.git/HEAD': 'ref: refs/heads/main' }, root);
    files(project, odd);
    const { notes } = await ci({ dir: odd });
    expect(notes[0]).toContain('its name is odd');
    const text = readFileSync(join(odd, workflow), 'utf8');
    expect(text).not.toContain('secrets');
    expect(text).toContain("hashFiles('package-lock.json')");
  });
});

describe('the workflow', () => {
  let text: string;
  beforeEach(async () => {
    files({ ...project, '.git/HEAD': '' });
    await ci();
    text = read();
  });

  test('uses actions of GitHub itself only, by their major versions', () => {
    const used = stepsOf(text).flatMap(({ uses }) => uses ?? []);
    expect(used.map((each) => each.split('@')[0])).toEqual([
      'actions/checkout',
      'actions/setup-node',
      'actions/upload-artifact',
    ]);
    for (const each of used) expect(each).toMatch(/@v\d+$/);
  });

  test('may read the repository and nothing else, and has no secrets', () => {
    const { on, permissions, jobs } = parsed(text);
    expect(permissions).toEqual({ contents: 'read' });
    // pull_request_target would give strangers the rights of the repository
    expect(Object.keys(on).sort()).toEqual(['pull_request', 'push', 'workflow_dispatch']);
    for (const job of Object.values(jobs)) {
      expect(job).not.toHaveProperty('permissions');
      expect(job['timeout-minutes']).toBeGreaterThan(0);
    }
    expect(text).not.toContain('secrets');
    const [checkout] = stepsOf(text);
    expect(checkout?.with).toEqual({ 'persist-credentials': false });
  });

  test('puts nothing that a stranger writes into a shell', () => {
    for (const command of commandsOf(text)) expect(command).not.toContain('${{');
    const expressions = [...text.matchAll(/\$\{\{ (.*?) \}\}/g)].map(([, inside]) => inside);
    expect(new Set(expressions)).toEqual(
      new Set(['github.workflow', 'github.ref', "github.event_name == 'pull_request'", '!cancelled()']),
    );
  });

  test('each step is one of the two kinds, and those at the end run after a failure', () => {
    const steps = stepsOf(text);
    for (const { run, uses } of steps) expect([run, uses].filter((each) => each !== undefined)).toHaveLength(1);
    const measure = steps.findIndex(({ run }) => run?.startsWith('camp measure --budget'));
    expect(measure).toBeGreaterThan(0);
    for (const step of steps.slice(measure + 1)) expect(step.if, step.name).toMatch(/always\(\)|!cancelled\(\)/);
    expect(steps.at(-1)).toMatchObject({ if: 'always()', run: 'camp down' });
  });

  test('installs this camp, and its commands and flags are those that camp has', async () => {
    const commands = await describeCommands();
    const lines = commandsOf(text);
    expect(lines).toContain(`npm install --global ${packageName}@${version}`);
    const own = lines.filter((line) => line.startsWith('camp '));
    expect(own.map((line) => line.split(' ')[1])).toEqual(['test', 'measure', 'down']);
    for (const line of own) {
      const [, id, ...words] = line.replace(/ >> .*/, '').split(' ');
      const command = commands.find((each) => each.id === id);
      const unknown = words
        .filter((word) => word.startsWith('--'))
        .filter((flag) => !Object.hasOwn(command?.flags ?? {}, flag.slice(2)));
      expect(unknown, line).toEqual([]);
    }
  });

  test('what it measures goes where a pull request shows it, and a page is kept', () => {
    const measuring = commandsOf(text).filter((line) => line.startsWith('camp measure'));
    const kept = stepsOf(text).find(({ uses }) => uses?.startsWith('actions/upload-artifact'))?.with?.['path'];
    expect(measuring).toEqual([
      `camp measure --budget ttfr=30s --format markdown --output ${kept} >> "$GITHUB_STEP_SUMMARY"`,
    ]);
  });
});
