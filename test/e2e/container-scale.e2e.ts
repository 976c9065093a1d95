import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createHome, eventually, type Home } from '../rig/cluster.ts';
import { ContainerCluster, docker } from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';
import { type Arrival, type Load, visitors } from '../rig/load.ts';

/* Replicas in containers behind the edge, with 200 requests a second all the time, half of them on connections of their own. */
const rates = { kept: 100, fresh: 100 };
let home: Home;
const why = requireImages('scaling containers', ['node:24-alpine', 'caddy:2']);

beforeAll(() => {
  home = createHome();
});
afterAll(() => home?.[Symbol.dispose]());
beforeEach(({ skip }) => skip(why !== undefined, why));

/** It ends at once when it is asked to: whoever is being answered then would be cut off. */
const server = `const { createServer } = require('node:http');
process.on('SIGTERM', () => process.exit(0));
createServer((_, response) => setTimeout(() => response.end(require('node:os').hostname()), 20)).listen(8080);
`;

function project(word: string): ContainerCluster {
  const name = `${word}-${process.pid}`;
  return new ContainerCluster(home, name, {
    'server.cjs': server,
    'compose.yaml': `name: ${name}
services:
  api:
    image: node:24-alpine
    init: true
    command: ["node", "/srv/server.cjs"]
    volumes: ["./server.cjs:/srv/server.cjs:ro"]
    expose: ["8080"]
    stop_grace_period: 5s
`,
  });
}

const load = (cluster: ContainerCluster): Load =>
  visitors({ port: cluster.https, host: `${cluster.name}.localhost`, path: '/', caFile: cluster.caFile }, rates);

const hostsOf = async (cluster: ContainerCluster): Promise<readonly string[]> =>
  (await cluster.ids('api')).map((id) => id.slice(0, 12)).toSorted();

/** Each of these has answered since then, and nobody else. */
function answeredBy({ arrivals }: Load, hosts: readonly string[], since: number): boolean {
  const later = arrivals.slice(since).map((one) => one.text);
  return hosts.every((host) => later.filter((text) => text === host).length > 10);
}

/** Everybody is answered, also who keeps a connection and who is just opening one. */
function expectServed(arrivals: readonly Arrival[]): void {
  const lost = arrivals.filter((one) => one.outcome !== '200');
  console.log(`${arrivals.length} visits, ${lost.length} lost`, lost.slice(0, 20));
  expect(lost).toEqual([]);
  for (const way of ['kept', 'fresh'])
    expect(arrivals.filter((one) => one.way === way).length).toBeGreaterThan(arrivals.length / 3);
}

/** When Caddy was last given another configuration. */
function configuredAt(cluster: ContainerCluster, flags: readonly string[]): bigint {
  const file = cluster.path('.camp', 'run', ...(flags.length > 0 ? ['edge'] : []), 'caddy.json');
  return statSync(file, { bigint: true }).mtimeNs;
}

const edges = [
  ['the edge beside them', []],
  ['the edge in a container', ['--docker']],
] as const;

test.each(edges)(
  '%s: three times up to three and down to one under load',
  async (_, flags) => {
    await using cluster = project(`scale${flags.length}`);
    await cluster.up(...flags);
    const configured = configuredAt(cluster, flags);
    const [only = ''] = await hostsOf(cluster);
    const visits = load(cluster);
    await eventually('the only one answers', () => answeredBy(visits, [only], 0), 20_000);
    for (let i = 0; i < 3; i++) {
      await cluster.camp(['scale', 'api=3']);
      const three = await hostsOf(cluster);
      expect(three).toHaveLength(3);
      const scaled = visits.arrivals.length;
      await eventually('each of the three answers', () => answeredBy(visits, three, scaled), 20_000);
      await cluster.camp(['scale', 'api=1']);
      const left = await hostsOf(cluster);
      expect(left).toHaveLength(1);
      const after = visits.arrivals.length + 50;
      await eventually('the one that is left answers', () => answeredBy(visits, left, after), 20_000);
      expect(new Set(visits.arrivals.slice(after).map((one) => one.text))).toEqual(new Set(left));
    }
    expectServed(await visits.end());
    expect(configuredAt(cluster, flags)).toBe(configured);
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  },
  300_000,
);

test.each(edges)(
  '%s: a replica is killed under load, and comes back',
  async (_, flags) => {
    await using cluster = project(`kill${flags.length}`);
    await cluster.up(...flags);
    await cluster.camp(['scale', 'api=3']);
    const hosts = await hostsOf(cluster);
    const visits = load(cluster);
    await eventually('each of them answers', () => answeredBy(visits, hosts, 0), 20_000);
    const killed = visits.arrivals.length;
    await docker(['kill', hosts[1] ?? '']);
    await eventually('it is back', async () => (await cluster.service('api')).state === 'ready', 20_000);
    const back = visits.arrivals.length;
    await eventually('each of them answers again', () => answeredBy(visits, hosts, back), 20_000);
    console.log(`killed after ${killed} visits, back after ${back}`);
    // whom it was answering Caddy asks another one for
    expectServed(await visits.end());
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  },
  180_000,
);

test.each(edges)(
  '%s: a camp that its terminal stops leaves everybody served, and goes on where it was',
  async (_, flags) => {
    await using cluster = project(`stop${flags.length}`);
    await cluster.up(...flags);
    const [only = ''] = await hostsOf(cluster);
    const visits = load(cluster);
    await eventually('the only one answers', () => answeredBy(visits, [only], 0), 20_000);
    process.kill(cluster.supervisor(), 'SIGTSTP');
    const stopped = visits.arrivals.length;
    await eventually('it still answers', () => visits.arrivals.length > stopped + 400, 20_000);
    expect(execFileSync('ps', ['-o', 'stat=', '-p', String(cluster.supervisor())], { encoding: 'utf8' })).toMatch(/^T/);
    process.kill(cluster.supervisor(), 'SIGCONT');
    await cluster.camp(['scale', 'api=3']);
    const three = await hostsOf(cluster);
    const scaled = visits.arrivals.length;
    await eventually('each of the three answers', () => answeredBy(visits, three, scaled), 20_000);
    expectServed(await visits.end());
    await cluster.camp(['down']);
    await cluster.nothingIsLeft();
  },
  180_000,
);
