import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { hasGeneratedRecord, recordGenerated } from '../generated.ts';
import { loadProject } from '../load.ts';
import type { ConfigurationReport, Project } from '../types.ts';
import { measureConfiguration } from './measure.ts';

const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-size-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));

type Files = Readonly<Record<string, string>>;
let count = 0;

function projectOf(files: Files): Project {
  const dir = join(rig, `p${count++}`);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  const { project, problems } = loadProject(dir, { env: { PATH: process.env['PATH'] } });
  if (!project) throw new Error(JSON.stringify(problems));
  return project;
}

const measured = (files: Files): ConfigurationReport => measureConfiguration(projectOf(files));

const compose = `name: shop
services:
  edge:
    image: caddy:2
    ports: ["80:80"]
    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro"]
  api:
    build: api
    environment:
      MODE: production
      LEVEL: debug
      DB_PASSWORD: \${API_PASSWORD}
    labels:
      owner: me
      tier: front
    depends_on:
      db:
        condition: service_healthy
  db:
    image: postgres:17
    environment:
      POSTGRES_PASSWORD: \${API_PASSWORD}
    healthcheck:
      test: ["CMD", "pg_isready"]
      interval: 5s
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data:
`;
const caddyfile = `shop.localhost {
	encode gzip
	header X-Frame-Options deny
	handle /api/* {
		reverse_proxy api:8080
	}
	respond hello
}
`;
const dockerfile = 'FROM node:24\nENV A=1\nENV B=2\nRUN one\nRUN two\nUSER node\nCMD ["node", "x.js"]\n';
const honest: Files = {
  'compose.yaml': compose,
  Caddyfile: caddyfile,
  'api/Dockerfile': dockerfile,
  'api/x.js': '',
  '.env': 'API_PASSWORD=x\n',
};

test('every figure of a project that camp did not make', () => {
  const report = measured(honest);
  expect(report.files).toEqual([
    file('compose.yaml', 'compose', [28, 28, 13, 3, 10]),
    file('Caddyfile', 'Caddyfile', [8, 6, 5, 1, 5]),
    file('.env', 'env', [1, 1, 0, 1, 1]),
    file('api/Dockerfile', 'Dockerfile', [7, 7, 5, 1, 5]),
  ]);
  expect(report.total).toEqual({
    files: 4,
    lines: 44,
    statements: 42,
    directives: 23,
    securityDecisions: 6,
    concepts: 17,
  });
  expect(report.handWritten).toEqual(report.total);
  expect(report.generated).toEqual({
    files: 0,
    lines: 0,
    statements: 0,
    directives: 0,
    securityDecisions: 0,
    concepts: 0,
  });
  expect(report.steps).toEqual(['edit compose.yaml', 'edit Caddyfile', 'edit .env', 'edit api/Dockerfile', 'camp up']);
  expect(report.movingParts).toEqual(['api', 'db', 'edge', 'camp']);
  expect(report.securityDecisions).toEqual([
    { file: 'compose.yaml', line: 5, directive: 'ports' },
    { file: 'compose.yaml', line: 12, directive: 'DB_PASSWORD' },
    { file: 'compose.yaml', line: 22, directive: 'POSTGRES_PASSWORD' },
    { file: 'Caddyfile', line: 3, directive: 'header' },
    { file: '.env', line: 1, directive: 'API_PASSWORD' },
    { file: 'api/Dockerfile', line: 6, directive: 'USER' },
  ]);
  expect(report.concepts).toEqual([
    'command',
    'compression',
    'environment variables',
    'health check',
    'image',
    'image build',
    'label',
    'order of start',
    'project',
    'published port',
    'response header',
    'reverse proxy',
    'rights of a container',
    'route',
    'service',
    'static answer',
    'volume',
  ]);
});

function file(
  path: string,
  kind: string,
  [lines, statements, directives, securityDecisions, concepts]: readonly number[],
) {
  return { path, kind, origin: 'hand-written', lines, statements, directives, securityDecisions, concepts };
}

const api = '    environment:\n      MODE: production\n      LEVEL: debug\n';

/** What somebody does to have fewer lines; the figures must not fall. */
const cheats: Readonly<Record<string, Files>> = {
  'a map in braces': {
    'compose.yaml': compose
      .replace(api, '    environment: {MODE: production, LEVEL: debug, DB_PASSWORD: x}\n')
      .replace('      DB_PASSWORD: ${API_PASSWORD}\n', ''),
  },
  'a map as a list of pairs': {
    'compose.yaml': compose.replace(
      `${api}      DB_PASSWORD: \${API_PASSWORD}\n`,
      '    environment: [MODE=production, LEVEL=debug, "DB_PASSWORD=${API_PASSWORD}"]\n',
    ),
  },
  'a service in braces': {
    'compose.yaml': compose.replace(
      '    image: postgres:17\n    environment:\n      POSTGRES_PASSWORD: ${API_PASSWORD}\n    healthcheck:\n      test: ["CMD", "pg_isready"]\n      interval: 5s\n    volumes: ["data:/var/lib/postgresql/data"]\n',
      '    {image: "postgres:17", environment: {POSTGRES_PASSWORD: "${API_PASSWORD}"}, healthcheck: {test: [CMD, pg_isready], interval: 5s}, volumes: ["data:/var/lib/postgresql/data"]}\n',
    ),
  },
  'labels as one text': {
    'compose.yaml': compose.replace('      owner: me\n      tier: front\n', '      all: "owner: me\\ntier: front"\n'),
  },
  'the command with all of it in a line': {
    'api/Dockerfile': 'FROM node:24\nENV A=1 B=2\nRUN one && two\nUSER node\nCMD ["node", "x.js"]\n',
  },
  'lines in an included file': {
    'compose.yaml': `include: [db.yaml]\n${compose.replace(/ {2}db:\n {4}image[^]*?(?=volumes:\n {2}data)/, '').replace('volumes:\n  data:\n', '')}`,
    'db.yaml': `services:\n${/ {2}db:\n {4}image[^]*?(?=volumes:\n {2}data)/.exec(compose)?.[0]}volumes:\n  data:\n`,
  },
  'lines in an extended file': {
    'compose.yaml': compose.replace(
      `${api}      DB_PASSWORD: \${API_PASSWORD}\n`,
      '    extends: {file: base.yaml, service: api}\n',
    ),
    'base.yaml': `services:\n  api:\n    build: api\n${api}      DB_PASSWORD: \${API_PASSWORD}\n`,
  },
  'lines in an override file': {
    'compose.yaml': compose.replace(`${api}      DB_PASSWORD: \${API_PASSWORD}\n`, ''),
    'compose.override.yaml': `services:\n  api:\n${api}      DB_PASSWORD: \${API_PASSWORD}\n`,
  },
  'variables in an env file': {
    'compose.yaml': compose.replace(`${api}      DB_PASSWORD: \${API_PASSWORD}\n`, '    env_file: api.env\n'),
    'api.env': 'MODE=production\nLEVEL=debug\nDB_PASSWORD=x\n',
  },
  'labels in a label file': {
    'compose.yaml': compose.replace('    labels:\n      owner: me\n      tier: front\n', '    label_file: labels\n'),
    labels: 'owner=me\ntier=front\n',
  },
  'routes in an imported file': {
    Caddyfile: 'shop.localhost {\n\timport routes/*.caddy\n}\n',
    'routes/all.caddy': caddyfile.split('\n').slice(1, -2).join('\n'),
  },
  'routes in files that import one another, with a placeholder': {
    Caddyfile: 'import {$WHERE:sites}/a\n',
    'sites/a': `import b\nimport a\n`,
    'sites/b': caddyfile,
  },
  'routes in a variable': {
    Caddyfile: 'shop.localhost {\n\t{$ROUTES}\n}\n',
    '.env': `API_PASSWORD=x\nROUTES="${caddyfile.split('\n').slice(1, -2).join('\\n').replaceAll('\t', '')}"\n`,
  },
  'the Dockerfile in the compose file': {
    'compose.yaml': compose.replace(
      '    build: api\n',
      `    build:\n      context: api\n      dockerfile_inline: "${dockerfile.replaceAll('"', '\\"').replaceAll('\n', '\\n')}"\n`,
    ),
    'api/Dockerfile': '',
  },
  'the Dockerfile under another name': {
    'compose.yaml': compose.replace(
      '    build: api\n',
      '    build:\n      context: api\n      dockerfile: ../build/api.image\n',
    ),
    'build/api.image': dockerfile,
    'api/Dockerfile': '',
  },
};

test.each(Object.entries(cheats))('%s has no fewer lines, and decides as much', (name, changed) => {
  const [before, after] = [measured(honest), measured({ ...honest, ...changed })];
  const { total: a } = before;
  const { total: b } = after;
  expect(b.lines, JSON.stringify(after.files)).toBeGreaterThanOrEqual(a.lines);
  expect(b.statements).toBeGreaterThanOrEqual(a.statements);
  // the words of routes in a variable are not told apart: their lines are
  if (name === 'routes in a variable') return;
  expect(b.directives).toBeGreaterThanOrEqual(a.directives);
  expect(b.securityDecisions).toBeGreaterThanOrEqual(a.securityDecisions);
});

test.each([
  [
    'mounted by a service',
    {
      'compose.yaml':
        'services:\n  web:\n    image: nginx\n    volumes: ["./conf/site.conf:/etc/nginx/conf.d/site.conf:ro"]\n',
    },
  ],
  [
    'in a mounted folder',
    {
      'compose.yaml':
        'services:\n  web:\n    image: nginx\n    volumes:\n      - type: bind\n        source: ./conf\n        target: /etc/nginx/conf.d\n',
    },
  ],
  [
    'a config',
    {
      'compose.yaml':
        'services:\n  web:\n    image: nginx\n    configs: [site]\nconfigs:\n  site:\n    file: ./conf/site.conf\n',
    },
  ],
  [
    'copied into an image',
    {
      'compose.yaml': 'services:\n  web:\n    build: .\n',
      Dockerfile: 'FROM nginx\nCOPY --chown=0 conf/site.conf /etc/nginx/conf.d/\n',
    },
  ],
])('configuration that is %s is found', (_, files) => {
  const { files: found } = measured({ ...files, 'conf/site.conf': 'server { listen 80; return 301 https://x; }\n' });
  expect(found.find(({ path }) => path === 'conf/site.conf')).toMatchObject({ kind: 'other', lines: 4 });
});

test('program, data, keys, manifests and files that are not there are no configuration', () => {
  const { files } = measured({
    'compose.yaml':
      'services:\n  web:\n    image: nginx\n    volumes: ["./src:/app", "./a.html:/usr/share/nginx/html/a.html", "./k.pem:/etc/k.pem", "./package.json:/app/package.json", "./b.bin:/etc/b", "./none.conf:/etc/none.conf", "data:/data"]\n    configs: [program]\nvolumes:\n  data:\nconfigs:\n  program:\n    file: x.mjs\n',
    'x.mjs': 'a\n',
    'src/app.ts': 'a\n',
    'src/app.yaml': 'a: 1\n',
    'a.html': 'a\n',
    'k.pem': 'a\n',
    'b.bin': 'a\0b',
    'package.json': '{}',
  });
  expect(files.map(({ path }) => path)).toEqual(['compose.yaml']);
});

test('one edit makes a file hand-written, and a clone without .camp has nothing that camp wrote', () => {
  const project = projectOf(honest);
  recordGenerated(project.dir, honest);
  const made = measureConfiguration(project);
  expect(made.handWritten.lines).toBe(0);
  expect(made.generated).toEqual(made.total);
  expect(made.steps[0]).toMatch(/^camp init p\d+$/);
  expect(made.steps.slice(2)).toEqual(['camp up']);
  writeFileSync(join(project.dir, 'Caddyfile'), `${caddyfile}\n`);
  const edited = measureConfiguration(project);
  expect(edited.handWritten).toMatchObject({ files: 1, lines: 8 });
  expect(edited.generated.lines + edited.handWritten.lines).toBe(edited.total.lines);
  expect(edited.steps.slice(2)).toEqual(['edit Caddyfile', 'camp up']);
  expect(hasGeneratedRecord(project.dir)).toBe(true);
  rmSync(join(project.dir, '.camp'), { recursive: true });
  expect(hasGeneratedRecord(project.dir)).toBe(false);
  expect(measureConfiguration(project).generated.files).toBe(0);
});

test('what each service adds: its entry, routes, files, volumes, variables, and what others say of it', () => {
  const { services } = measured(honest);
  // api: 12 of the compose file, the block of its route, its Dockerfile; db: its entry, whom it keeps waiting, its volume
  expect(services).toEqual([
    { name: 'edge', lines: 4, statements: 4 },
    { name: 'api', lines: 12 + 3 + 7, statements: 12 + 2 + 7 },
    { name: 'db', lines: 8 + 3 + 2, statements: 8 + 3 + 2 },
  ]);
});

test('a project without the service has as many lines fewer', () => {
  const [before, after] = [
    'services:\n  a:\n    image: a\n    depends_on:\n      - b\n      - c\n    environment:\n      B_URL: http://b:80/x\n      C_URL: http://c-b:80\n  c:\n    image: c\n  b: &b\n    image: b\n    environment: {KEY: "${B_KEY}"}\n    volumes: ["own:/x", "shared:/y"]\n  d:\n    <<: *b\n',
    'services:\n  a:\n    image: a\n    depends_on:\n      - c\n    environment:\n      C_URL: http://c-b:80\n  c:\n    image: c\n  d:\n    <<: *b\n',
  ].map((text) => text.replace(/^ {2}d:\n.*\n/m, ''));
  const volumes = ['volumes:\n  own:\n  shared:\n', 'volumes:\n  shared:\n'];
  const user = '  e:\n    image: e\n    volumes: ["shared:/y"]\n';
  const sites = [
    'a.localhost {\n\treverse_proxy a:80\n\treverse_proxy /b* b:80\n}\n',
    'b.localhost {\n\ttls internal\n\treverse_proxy b:80\n}\n',
  ];
  const whole = measured({
    'compose.yaml': `${before}${user}${volumes[0]}`,
    Caddyfile: sites.join(''),
    '.env': 'B_KEY=1\nX=2\n',
  });
  const rest = measured({
    'compose.yaml': `${after}${user}${volumes[1]}`,
    Caddyfile: sites[0]?.replace(/.*\/b.*\n/, '') ?? '',
    '.env': 'X=2\n',
  });
  const added = whole.services.find(({ name }) => name === 'b');
  expect(added).toEqual({
    name: 'b',
    lines: whole.total.lines - rest.total.lines,
    statements: whole.total.statements - rest.total.statements,
  });
});

test('replicas are moving parts, files that the edge serves are none', () => {
  const { movingParts } = measured({
    'compose.yaml': 'x-camp: native\nservices:\n  a:\n    image: a\n    scale: 3\n  web:\n    build: web\n',
    'web/index.html': '<h1>',
  });
  expect(movingParts).toEqual(['a 1', 'a 2', 'a 3', 'edge', 'camp']);
});

test('a project without a compose file', () => {
  const report = measured({
    Procfile: 'web: node server.mjs\n',
    'server.mjs': '',
    Caddyfile: 'localhost\nrespond hi\n',
  });
  expect(report.files.map(({ path, kind, lines }) => [path, kind, lines])).toEqual([
    ['Caddyfile', 'Caddyfile', 2],
    ['Procfile', 'other', 1],
  ]);
});

test('imports that go in circles, or to a folder, end', () => {
  const { files } = measured({
    'compose.yaml': 'services:\n  a:\n    image: a\n',
    Caddyfile:
      'import a\nimport b*\nimport [z-a]\nimport folder\n(snip) {\n\tencode\n}\na.localhost {\n\timport snip\n}\n',
    a: 'import Caddyfile\nimport a\n',
    'b[1': 'b.localhost {\n\trespond b\n}\n',
    'folder/x': '',
    snip: 'never read\n',
  });
  expect(files.map(({ path }) => path)).toEqual(['compose.yaml', 'Caddyfile', 'a', 'b[1']);
});

/** As much as a project's own files may have. */
const million = 990_000;
test.each([
  ['Caddyfile', `a.localhost {\n\trespond "${'x'.repeat(million)}"\n}\n`, 2 + 9901],
  ['Caddyfile', `${'a {\n'.repeat(million / 10)}`, million / 10],
  ['api/Dockerfile', `FROM a\nRUN ${'a;'.repeat(million / 2)}\n`, 1 + million / 2],
  ['api/Dockerfile', `FROM a\n${'RUN a \\\n'.repeat(million / 10)}`, 1 + million / 10],
  ['.env', `A="${'x\\n'.repeat(million / 3)}"\nAPI_PASSWORD=1\n`, 9901 + million / 3],
])('%s of a million characters is counted', (path, text, expected) => {
  const { files } = measured({ ...honest, [path]: text });
  expect(files.find((each) => each.path === path)?.lines).toBe(expected);
});
