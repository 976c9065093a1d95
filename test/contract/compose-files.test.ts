// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Compose's variables, not JavaScript's
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { composeJson } from '../../src/project/compose/model/canonical.ts';
import { modelOf } from '../../src/project/compose/model.ts';
import { loadProject } from '../../src/project/load.ts';
import type { Service } from '../../src/project/types.ts';
import { composeCommand } from '../rig/compose-command.ts';

/*
 * Whole projects, of several files, as `docker compose config` understands them: each line of `=== name` begins a
 * file. The golden cases of test/cases/project go through it too.
 */
const hasCompose = composeCommand !== undefined;
if (!hasCompose && process.env['CI']) throw new Error('docker compose is not installed');
if (!hasCompose) console.warn('SKIPPED: docker compose is not installed, nothing is compared with it');

const rig = realpathSync(mkdtempSync(join(tmpdir(), 'camp-files-')));
afterAll(() => rmSync(rig, { recursive: true, force: true }));

interface Theirs {
  readonly name: string;
  readonly services: Readonly<Record<string, TheirService>>;
}

interface TheirService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile?: string };
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly ports?: readonly { target: number; published?: string; host_ip?: string; protocol: string }[];
  readonly expose?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string; required?: boolean; restart?: boolean }>>;
  readonly networks?: Readonly<Record<string, unknown>>;
  readonly network_mode?: string;
  readonly container_name?: string;
  readonly restart?: string;
  readonly mem_limit?: string;
  readonly scale?: number;
  readonly deploy?: { readonly replicas?: number; readonly resources?: { readonly limits?: { memory?: string } } };
  readonly develop?: { readonly watch?: readonly { path: string; action: string; target?: string }[] };
}

let count = 0;

/** What both make of the same files; undefined where it is refused. */
async function both(text: string) {
  const dir = join(rig, `case-${count++}`);
  mkdirSync(dir);
  const parts = text.startsWith('=== ') ? text.split(/^=== (.+)\n/m).slice(1) : ['compose.yaml', text];
  const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: dir };
  for (let i = 0; i < parts.length; i += 2) {
    const [file = '', content = ''] = parts.slice(i);
    if (file === 'env')
      for (const line of content.trim().split('\n')) env[line.split('=')[0] ?? ''] = line.slice(line.indexOf('=') + 1);
    else if (file.endsWith('/')) mkdirSync(join(dir, file), { recursive: true });
    else {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      const written = content.replace(/\\x\{([0-9a-f]+)\}/g, (_, hex: string) =>
        String.fromCodePoint(Number.parseInt(hex, 16)),
      );
      writeFileSync(join(dir, file), written);
    }
  }
  const [status, stdout, stderr] = await new Promise<[number, string, string]>((done) => {
    const args = ['config', '--format', 'json'];
    execFile(composeCommand ?? '', args, { cwd: dir, env }, (error, out, err) => done([error ? 1 : 0, out, err]));
  });
  const theirs = status === 0 ? (JSON.parse(stdout) as Theirs) : undefined;
  return { theirs, why: stderr, ours: loadProject(dir, { env }), env };
}

const undollar = (value: string) => value.replaceAll('$$', '$');

/** Theirs in words of ours, as far as both say it. */
function seen(service: TheirService, active: Theirs['services']): object {
  const environment = Object.entries(service.environment ?? {});
  // one that is optional and not active has no place in camp's graph
  const needs = Object.entries(service.depends_on ?? {}).filter(([on]) => active[on]);
  return {
    image: service.image && undollar(service.image),
    context: service.build?.context,
    env: Object.fromEntries(environment.flatMap(([name, value]) => (value === null ? [] : [[name, undollar(value)]]))),
    ports: (service.ports ?? [])
      .map((each) => `${each.host_ip ?? ''}:${(each.published ?? '').split('-')[0]}:${each.target}/${each.protocol}`)
      .sort(),
    // Compose keeps ranges and protocols as they are written
    expose: (service.expose ?? [])
      .filter((each) => /^\d+$/.test(each))
      .map(Number)
      .sort(),
    dependsOn: Object.fromEntries(needs.map(([on, { condition }]) => [on, condition])),
    restartsWith: needs.flatMap(([on, each]) => (each.restart ? on : [])).sort(),
    networks: Object.keys(service.networks ?? {}).sort(),
    networkMode: service.network_mode,
    name: service.container_name,
    restart: service.restart,
    memory: Number(service.mem_limit ?? service.deploy?.resources?.limits?.memory ?? 0),
    replicas: service.scale ?? service.deploy?.replicas ?? 1,
    watch: (service.develop?.watch ?? []).map(({ path, action, target }) => `${action} ${path} ${target ?? ''}`),
  };
}

/** Ports of the golden cases that stand in ranges of `expose`. */
const ranged: ReadonlySet<number> = new Set([90, 91, 92]);

function own(service: Service): object {
  const { container } = service;
  return {
    image: service.image,
    context: service.build?.context,
    env: { ...service.env },
    ports: service.ports
      .map((each) => `${each.address ?? ''}:${each.host ?? ''}:${each.container}/${each.protocol}`)
      .sort(),
    expose: service.expose.filter((each) => !ranged.has(each)).sort(),
    dependsOn: Object.fromEntries(service.dependsOn),
    restartsWith: [...service.restartsWith].sort(),
    networks: [...container.networks].sort(),
    networkMode: container.networkMode,
    name: container.name,
    restart: container.restart,
    memory: container.memoryLimit ?? 0,
    replicas: service.replicas,
    watch: service.watch.map(({ path, action, target }) => `${action} ${path} ${target ?? ''}`),
  };
}

async function compare(text: string): Promise<void> {
  const { theirs, ours, why, env } = await both(text);
  const shown = `${text}\n${why}\n${JSON.stringify(ours.problems)}`;
  expect(ours.project !== undefined, `accepted by ${ours.project ? 'camp' : 'Compose'} only: ${shown}`).toBe(
    theirs !== undefined,
  );
  if (!theirs || !ours.project) return;
  const model = modelOf(ours.project, env);
  expect(model && JSON.parse(composeJson(model)), shown).toEqual(theirs);
  expect(ours.project.compose?.name, shown).toBe(theirs.name);
  expect([...ours.project.services.keys()].sort(), shown).toEqual(Object.keys(theirs.services).sort());
  for (const [name, service] of Object.entries(theirs.services))
    expect(own(ours.project.services.get(name) as Service), `${name} in ${shown}`).toEqual(
      seen(service, theirs.services),
    );
}

/** Golden cases where the two differ on purpose, and why. */
const apart: ReadonlyMap<RegExp, string> = new Map([
  [/^(?:caddyfile|folder)-/, 'there is no compose file'],
  [/^bad-alias-bomb\.case$/, 'Compose 2.40 takes minutes for it'],
  [/^empty/, 'a project may begin empty'],
  [/^bad-(?:build-context|camp-key|domain|domain-caller|measure-[a-z-]+)\.case$/, "keys and variables of camp's own"],
  [/^bad-(?:interpolation-deep|stop-signal)\.case$/, 'the engine refuses it later, or nobody writes it'],
  [
    /^extends-override-marks\.case$/,
    'Compose 2.40 forgets marks of a service that is extended again, by chance of order',
  ],
]);

describe.skipIf(!hasCompose).concurrent('projects of several files', () => {
  const cases = resolve(import.meta.dirname, '..', 'cases', 'project');
  const golden = readdirSync(cases).filter((name) => ![...apart.keys()].some((each) => each.test(name)));
  test.each(golden)('%s', async (name) => {
    const text = readFileSync(join(cases, name), 'utf8');
    await compare(text.slice(0, text.lastIndexOf('\n----------\n') + 1));
  });
});

/** What a second file does to the first: `base` and `over` are the body of one service. */
const merges: readonly (readonly [base: string, over: string])[] = [
  ['command: [a, b]', 'command: c'],
  ['command: a', 'command:'],
  ['image: x', 'image:'],
  ['environment: {A: "1"}', 'environment:'],
  ['environment: {A: "1"}', 'environment: [A]'],
  ['environment: [A=1, B=1]', 'environment: {A: 2, C: true}'],
  ['environment: [A=1, A=2]', 'environment: [B=1]'],
  ['ports: ["80:80"]', 'ports: ["80:80", "81:80"]'],
  ['ports: ["8000-8002:8000-8002"]', 'ports: ["8001:8001"]'],
  ['ports: [{target: 80, published: "80"}]', 'ports: ["80:80", "0.0.0.0:80:80", "80:80/udp"]'],
  ['ports: ["80"]', 'ports: [{target: 80, host_ip: 127.0.0.1}]'],
  ['ports: ["80"]', 'ports: !override ["81"]'],
  ['ports: ["80"]', 'ports: !reset []'],
  ['ports: ["80"]', 'ports: !reset null'],
  ['expose: ["1"]', 'expose: [1, 2]'],
  ['expose: ["1", "1"]', 'expose: []'],
  ['depends_on: [b]', 'depends_on: {b: {condition: service_healthy, restart: true}}'],
  ['depends_on: {b: {condition: service_healthy}}', 'depends_on: [b]'],
  ['depends_on: [b]', 'depends_on: !reset []'],
  ['networks: [one]', 'networks: [two]'],
  ['networks: {one: {aliases: [x]}}', 'networks: [two, one]'],
  ['networks: [one]', 'network_mode: host'],
  ['networks: [one]', 'networks: !override [two]'],
  ['build: .', 'build: {dockerfile: Other}'],
  ['build: {context: ., dockerfile: D}', 'build: ./sub'],
  ['build: {args: {A: 1}}', 'build: {args: [B=2]}'],
  ['env_file: a.env', 'env_file: b.env'],
  ['env_file: [a.env, b.env]', 'env_file: [{path: a.env}]'],
  ['env_file: a.env', 'env_file: {path: b.env}'],
  ['healthcheck: {test: [CMD, a], interval: 1s}', 'healthcheck: {test: b}'],
  ['deploy: {replicas: 2}', 'deploy: {resources: {limits: {memory: 5m}}}'],
  ['deploy: {replicas: 2}', 'scale: 3'],
  ['scale: 2', 'scale: 3'],
  ['restart: always', 'restart: on-failure:2'],
  ['container_name: one', 'container_name: two'],
  ['profiles: [no]', 'profiles: [p]'],
  ['labels: {a: 1}', 'labels: [b=2, a]'],
  ['volumes: ["./a:/x"]', 'volumes: ["./b:/x:ro"]'],
  ['volumes: ["./a:/x", "./b:/x"]', 'volumes: []'],
  ['tmpfs: /a', 'tmpfs: [/a, /b]'],
  ['dns: 1.1.1.1', 'dns: [1.1.1.1, 8.8.8.8]'],
  ['extra_hosts: ["a:1.1.1.1"]', 'extra_hosts: {a: 2.2.2.2}'],
  ['logging: {driver: json-file, options: {max-size: 1m}}', 'logging: {driver: local}'],
  ['ulimits: {nofile: {soft: 1, hard: 2}}', 'ulimits: {nofile: 5}'],
  ['secrets: [s]', 'secrets: [{source: s, target: t}, s]'],
  ['mem_limit: 5m', 'mem_limit: 6m'],
  ['links: [b]', 'links: ["b:c"]'],
  ['network_mode: "service:b"', 'depends_on: {b: {condition: service_healthy}}'],
  ['ipc: "service:b"', 'uts: "service:b"'],
  ['volumes_from: [b]', 'volumes_from: ["b:ro"]'],
  ['develop: {watch: [{path: a, action: rebuild}]}', 'develop: {watch: [{path: b, action: sync, target: /b}]}'],
  ['develop: {watch: [{path: a, action: sync}]}', 'stdin_open: true'],
  ['{image: x, ports: ["1"]}', '!override {image: y}'],
  ['{image: x, ports: ["1"]}', '!reset null'],
  ['sysctls: {a: 1}', 'sysctls: [a=2, b=3]'],
  ['cap_add: [A]', 'cap_add: [A, B]'],
  ['unknown: 1', 'image: x'],
  ['container_name: one', 'container_name: y'],
  ['container_name: one', 'scale: 2'],
  ['mem_limit: 5m', 'deploy: {resources: {limits: {memory: 6m}}}'],
];

const body = (text: string) => (/^[{!]/.test(text) ? ` ${text}` : `\n    ${text}`);
const rest = `networks: {one: {}, two: {}}\nsecrets: {s: {file: ./s}}\n`;
const files = '=== a.env\nFILE=a\n=== b.env\nFILE=b\nOTHER=$FILE\n=== sub/\n';
const b = '  b: {image: b}\n';

describe.skipIf(!hasCompose).concurrent('merging', () => {
  test.each(merges)('%s, over it %s', async (base, over) => {
    const image = base.startsWith('{') ? '' : '\n    image: first';
    await compare(
      `=== compose.yaml\nservices:\n  a:${image}${body(base)}\n${b}${rest}=== compose.override.yaml\nservices:\n  a:${body(over)}\n${files}`,
    );
  });

  test.each(merges.filter(([base]) => !base.startsWith('{')))('%s, extended with %s', async (base, over) => {
    await compare(
      `=== compose.yaml\nservices:\n  a:\n    extends: {file: sub/base.yaml, service: base}${body(over)}\n${b}${rest}=== sub/base.yaml\nservices:\n  base:\n    image: first${body(base)}\n${files.replaceAll('=== ', '=== sub/')}${files.replace('=== sub/\n', '')}`,
    );
  });

  test.each(merges)('%s, included beside %s', async (base, over) => {
    const image = base.startsWith('{') ? '' : '\n    image: first';
    await compare(
      `=== compose.yaml\ninclude:\n  - path: [sub/one.yaml, sub/two.yaml]\n=== sub/one.yaml\nservices:\n  a:${image}${body(base)}\n${b}${rest}=== sub/two.yaml\nservices:\n  a:${body(over)}\n${files.replaceAll('=== ', '=== sub/')}`,
    );
  });
});

const projects: Readonly<Record<string, string>> = {
  'profiles from the environment':
    '=== env\nCOMPOSE_PROFILES=p, q\n=== compose.yaml\nservices:\n  a: {image: x, profiles: [p]}\n  b: {image: x, profiles: [r]}\n  c: {image: x, profiles: [q], depends_on: [a]}\n',
  'a dependency whose profile is off': 'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, profiles: [p]}\n',
  'an optional dependency whose profile is off':
    'services:\n  a: {image: x, depends_on: {b: {condition: service_healthy, required: false}}}\n  b: {image: x, profiles: [p]}\n',
  'an optional dependency that is nowhere':
    'services:\n  a: {image: x, depends_on: {b: {condition: service_healthy, required: false}}}\n',
  'extends of a service of an inactive profile': 'services:\n  a: {extends: b}\n  b: {image: x, profiles: [p]}\n',
  'extends of a null service': 'services:\n  a: {image: x, extends: b}\n  b:\n',
  'extends over two documents': 'services:\n  b: {image: x}\n---\nservices:\n  a: {extends: b}\n',
  'extends in an override of what the first file has':
    '=== compose.yaml\nservices:\n  b: {image: x}\n=== compose.override.yaml\nservices:\n  a: {extends: b}\n',
  'extends in both files':
    '=== compose.yaml\nservices:\n  a: {extends: b, environment: [A=1]}\n  b: {image: x, environment: [B=1]}\n=== compose.override.yaml\nservices:\n  a: {extends: {file: o.yaml, service: c}}\n=== o.yaml\nservices:\n  c: {environment: [C=1], image: y}\n',
  'extends of an included service':
    '=== compose.yaml\ninclude: [i.yaml]\nservices:\n  a: {extends: b}\n=== i.yaml\nservices:\n  b: {image: x}\n',
  'extends with variables of the folder of the project':
    '=== compose.yaml\nservices:\n  a: {extends: {file: $D/b.yaml, service: "${S:-b}"}}\n=== .env\nD=sub\nV=top\n=== sub/.env\nV=sub\n=== sub/b.yaml\nservices:\n  b: {image: x$V}\n',
  'extends of a file that includes':
    '=== compose.yaml\nservices:\n  a: {extends: {file: b.yaml, service: b}}\n=== b.yaml\ninclude: [none.yaml]\nservices:\n  b: {image: x}\n',
  'extends with a build without a context':
    '=== compose.yaml\nservices:\n  a: {extends: {file: sub/b.yaml, service: b}}\n=== sub/b.yaml\nservices:\n  b: {build: {dockerfile: D}}\n',
  'extends of an absolute and a parent path':
    '=== compose.yaml\ninclude: [sub/compose.yaml]\n=== sub/compose.yaml\nservices:\n  a: {extends: {file: ../base.yaml, service: b}}\n=== base.yaml\nservices:\n  b: {build: ./img, env_file: base.env, develop: {watch: [{path: ./w, action: rebuild}]}}\n=== base.env\nB=1\n',
  'extends of a file with an unknown key elsewhere':
    '=== compose.yaml\nservices:\n  a: {extends: {file: b.yaml, service: b}}\n=== b.yaml\nservices:\n  b: {image: x}\n  c: {imgae: y}\n',
  'extends brings a network that is not defined':
    '=== compose.yaml\nservices:\n  a: {extends: {file: b.yaml, service: b}}\n=== b.yaml\nservices:\n  b: {image: x, networks: [n]}\nnetworks: {n: {}}\n',
  'include of nothing': 'include:\nservices: {a: {image: x}}\n',
  'include of an empty list': 'include: []\nservices: {a: {image: x}}\n',
  'include of a text': 'include: a.yaml\nservices: {a: {image: x}}\n',
  'include of itself': 'include: [compose.yaml]\nservices: {a: {image: x}}\n',
  'include twice the same':
    '=== compose.yaml\ninclude: [i.yaml, ./i.yaml]\n=== i.yaml\nservices: {a: {image: x, ports: ["80:80"]}}\n',
  'include with an env file that is not there':
    '=== compose.yaml\ninclude: [{path: i.yaml, env_file: none.env}]\n=== i.yaml\nservices: {a: {image: x}}\n',
  'include with several env files':
    '=== compose.yaml\ninclude: [{path: sub/i.yaml, env_file: [one.env, two.env]}]\n=== one.env\nA=1\nB=1\n=== two.env\nB=2$A\n=== sub/.env\nA=never\n=== sub/i.yaml\nservices: {a: {image: "x$A$B"}}\n',
  'include with /dev/null':
    '=== compose.yaml\ninclude: [{path: sub/i.yaml, env_file: one.env}]\n=== one.env\nB=1\n=== sub/.env\nA=never\n=== sub/i.yaml\nservices: {a: {image: "x$A$B"}}\n',
  'include with a folder':
    '=== compose.yaml\ninclude: [{path: sub/i.yaml, project_directory: .}]\n=== sub/.env\nA=never\n=== .env\nA=top\n=== sub/i.yaml\nservices: {a: {image: "x$A", build: ./here}}\n',
  'include and an override of what is included':
    '=== compose.yaml\ninclude: [i.yaml]\n=== compose.override.yaml\nservices: {a: {environment: {A: "2"}, ports: ["81:81"]}}\n=== i.yaml\nservices: {a: {image: x, environment: [A=1, B=1], ports: ["80:80"]}}\n',
  'include in the override':
    '=== compose.yaml\nservices: {a: {image: x}}\n=== compose.override.yaml\ninclude: [i.yaml]\n=== i.yaml\nservices: {b: {image: y}}\n',
  'include of what the first file has, in the override':
    '=== compose.yaml\nservices: {a: {image: x, environment: [A=1]}}\n=== compose.override.yaml\ninclude: [i.yaml]\n=== i.yaml\nservices: {a: {image: y}}\n',
  'include and the same service here':
    '=== compose.yaml\ninclude: [i.yaml]\nservices: {a: {image: x}}\n=== i.yaml\nservices: {a: {image: y}}\n',
  'include and the very same service here':
    '=== compose.yaml\ninclude: [i.yaml]\nservices: {a: {image: x}}\n=== i.yaml\nservices: {a: {image: x}}\n',
  'included names without a value':
    '=== compose.yaml\ninclude: [sub/i.yaml]\n=== sub/.env\nV=sub\n=== sub/i.yaml\nservices:\n  a: {image: x, environment: [V]}\n  b: {image: x, environment: {V: }}\n',
  'COMPOSE_FILE of the caller over .env':
    '=== env\nCOMPOSE_FILE=one.yaml:two.yaml\n=== .env\nCOMPOSE_FILE=three.yaml\n=== one.yaml\nservices: {a: {image: x}}\n=== two.yaml\nservices: {a: {environment: {A: "1"}}}\n',
  'COMPOSE_FILE in another folder, with two .env':
    '=== env\nCOMPOSE_FILE=sub/one.yaml\n=== .env\nA=top\n=== sub/.env\nA=sub\nB=sub\n=== sub/one.yaml\nservices: {a: {image: "x$A$B-$COMPOSE_PROJECT_NAME", build: .}}\n',
  'COMPOSE_FILE that is not there': '=== env\nCOMPOSE_FILE=one.yaml\n=== compose.yaml\nservices: {a: {image: x}}\n',
  COMPOSE_DISABLE_ENV_FILE:
    '=== env\nCOMPOSE_DISABLE_ENV_FILE=1\n=== .env\nA=1\n=== compose.yaml\nservices: {a: {image: "x$A"}}\n',
  'COMPOSE_PROJECT_NAME that is no name':
    '=== env\nCOMPOSE_PROJECT_NAME=My_App\n=== compose.yaml\nservices: {a: {image: x}}\n',
  'COMPOSE_PROJECT_NAME over name':
    '=== .env\nCOMPOSE_PROJECT_NAME=my_app\n=== compose.yaml\nname: other\nservices: {a: {image: "x$COMPOSE_PROJECT_NAME"}}\n',
  'a name with a variable':
    '=== .env\nN=Shop 2\n=== compose.yaml\nname: "${N}_x"\nservices: {a: {image: "x$COMPOSE_PROJECT_NAME"}}\n',
  'a name in the override':
    '=== compose.yaml\nname: one\nservices: {a: {image: "x$COMPOSE_PROJECT_NAME"}}\n=== compose.override.yaml\nname: two\n',
  'a name of nothing that is kept': 'name: "!"\nservices: {a: {image: x}}\n',
  'a name that is a number': 'name: 5\nservices: {a: {image: x}}\n',
  'docker-compose names in their order':
    '=== docker-compose.yml\nservices: {a: {image: yml}}\n=== docker-compose.yaml\nservices: {a: {image: yaml}}\n=== docker-compose.override.yaml\nservices: {a: {environment: {A: "1"}}}\n',
  'compose.yaml with the override of docker-compose':
    '=== compose.yaml\nservices: {a: {image: yml}}\n=== docker-compose.override.yml\nservices: {a: {environment: {A: "1"}}}\n',
  'a mount at two targets that are one': 'services: {a: {image: x, volumes: ["./a:/x", "./b:/x/"]}}\n',
  'network_mode and networks': 'services: {a: {image: x, network_mode: host, networks: [default]}}\n',
  'a fixed name for two containers': 'services: {a: {image: x, container_name: a, scale: 2}}\n',
  'a secret of nothing': 'services: {a: {image: x}}\nsecrets: {s: {}}\n',
  'a config of two sources': 'services: {a: {image: x}}\nconfigs: {s: {file: a, content: b}}\n',
};

describe.skipIf(!hasCompose).concurrent('projects', () => {
  test.each(Object.entries(projects))('%s', (_, text) => compare(text));
});
