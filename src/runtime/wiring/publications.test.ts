import { describe, expect, it } from 'vitest';
import { aService } from '../../../test/rig/services.ts';
import { imageFacts } from '../../project/images.ts';
import type { Port, PublishedPort, Service } from '../../project/types.ts';
import { type HostPorts, type Published, publicationKeys, publicationsOf, sayPortNote } from './publications.ts';

const declare = (name: string, ports: readonly PublishedPort[], over: Partial<Published & Service> = {}): Published => {
  const { replicas = 1, reached = [], facts, ...service } = over;
  return { service: aService(name, { ...service, ports }), replicas, reached, ...(facts ? { facts } : {}) };
};
const tcp = (host: Port | undefined, container: Port, address?: string): PublishedPort => ({
  container,
  ...(host === undefined ? {} : { host }),
  ...(address === undefined ? {} : { address }),
  protocol: 'tcp',
});

/** A machine where some ports are held; leases count from 30000 and stay with their keys. */
function machine(held: Readonly<Record<Port, string>> = {}): HostPorts {
  const leased = new Map<string, Port>();
  return {
    holderOf: (port) => held[port],
    lease: (key) => {
      const port = leased.get(key) ?? 30000 + leased.size;
      leased.set(key, port);
      return port;
    },
  };
}

const shown = (published: readonly Published[], host: HostPorts = machine()): readonly string[] =>
  [...publicationsOf(published, host).byService].flatMap(([name, all]) =>
    all.map(({ hostPort, containerPort, protocol }) => `${name} ${hostPort ?? '?'}:${containerPort}/${protocol}`),
  );
const said = (published: readonly Published[], host: HostPorts = machine()): readonly string[] =>
  publicationsOf(published, host).notes.map(sayPortNote);
const postgres = { facts: imageFacts('postgres') as NonNullable<Published['facts']> };

describe('publicationsOf', () => {
  it.each<[string, Published, readonly string[]]>([
    ['keeps a declared port', declare('web', [tcp(3000, 80)]), ['web 3000:80/tcp']],
    [
      'keeps ranges and udp',
      declare('x', [tcp(1, 1), tcp(2, 2), { container: 53, host: 53, protocol: 'udp' }]),
      ['x 1:1/tcp', 'x 2:2/tcp', 'x 53:53/udp'],
    ],
    ['leases where Compose would choose', declare('web', [tcp(undefined, 80)]), ['web 30000:80/tcp']],
    ['leases what is reached', declare('web', [], { reached: [8080, 8080] }), ['web 30000:8080/tcp']],
    ['does not publish twice', declare('web', [tcp(3000, 80)], { reached: [80] }), ['web 3000:80/tcp']],
    ['publishes a database', declare('db', [], postgres), ['db 30000:5432/tcp']],
    ['keeps two ports to one', declare('web', [tcp(1000, 80), tcp(1001, 80)]), ['web 1000:80/tcp', 'web 1001:80/tcp']],
    [
      'takes both loopbacks for one',
      declare('web', [tcp(1000, 80, '127.0.0.1'), tcp(1000, 80, '::1')]),
      ['web 1000:80/tcp'],
    ],
    [
      'lets the engine choose for several replicas',
      declare('web', [tcp(3000, 80)], { replicas: 3, reached: [81] }),
      ['web ?:80/tcp', 'web ?:81/tcp'],
    ],
    [
      'publishes nothing of this machine’s own network',
      declare('web', [tcp(80, 80)], { hints: { networkMode: 'host' } }),
      [],
    ],
    ['publishes nothing of FastCGI', declare('php', [], { facts: imageFacts('php:fpm') as never }), []],
    ['publishes no port 0', declare('tunnel', [], { facts: imageFacts('cloudflare/cloudflared') as never }), []],
  ])('%s', (_, one, expected) => {
    expect(shown([one])).toEqual(expected);
  });

  it('moves what a stranger holds, and says who', () => {
    const all = [declare('db', [tcp(5432, 5432)])];
    expect(shown(all, machine({ 5432: 'postgres (pid 812)' }))).toEqual(['db 30000:5432/tcp']);
    expect(said(all, machine({ 5432: 'postgres (pid 812)' }))).toEqual([
      'port 5432 of db is published on 30000: 5432 is taken by postgres (pid 812)',
    ]);
  });

  it('moves the later of two services that want the same port', () => {
    const all = [declare('a', [tcp(8080, 80)]), declare('b', [tcp(8080, 80)])];
    expect(shown(all)).toEqual(['a 8080:80/tcp', 'b 30000:80/tcp']);
    expect(said(all)).toEqual(['port 8080 of b is published on 30000: 8080 is taken by service "a"']);
  });

  it('does not take tcp and udp for one', () => {
    expect(said([declare('dns', [tcp(53, 53), { container: 53, host: 53, protocol: 'udp' }])])).toEqual([]);
  });

  it('says once for each port that it is on loopback only', () => {
    expect(said([declare('web', [tcp(80, 80, '0.0.0.0'), tcp(81, 81, '127.0.0.1'), tcp(82, 82)])])).toEqual([
      'port 80 of web is published on 127.0.0.1 only, not on 0.0.0.0',
    ]);
  });

  it('says that replicas cannot share a port', () => {
    expect(said([declare('web', [tcp(3000, 80)], { replicas: 2 })])).toEqual([
      'port 3000 of web is published on a port for each replica: 2 replicas cannot share it',
    ]);
  });

  it('leaves the choice to the engine where no port is free', () => {
    const full: HostPorts = { holderOf: () => undefined, lease: () => undefined };
    expect(shown([declare('web', [], { reached: [80] })], full)).toEqual(['web ?:80/tcp']);
  });

  it('names the keys that it may lease', () => {
    expect(
      publicationKeys([declare('db', [tcp(5432, 5432)], postgres), declare('web', [], { replicas: 2, reached: [80] })]),
    ).toEqual(['db:1:5432']);
  });
});
