import { expect, it } from 'vitest';
import { aService } from '../../../test/rig/services.ts';
import { edgeHash, overrideOf } from './override.ts';
import type { ContainerWish, EdgeWish } from './types.ts';

const wish = (name: string, over: Partial<ContainerWish> = {}): ContainerWish => ({
  service: aService(name),
  replicas: 1,
  hash: 'abc',
  ports: [],
  environment: {},
  extraHosts: [],
  ...over,
});

const edge: EdgeWish = {
  service: 'camp-edge',
  image: 'caddy:2',
  ports: [8443],
  networks: ['default'],
  mounts: [{ source: '/run/x', target: '/camp', readOnly: true }],
  tmpfs: ['/tmp'],
  sysctls: {},
  workingDir: '/srv',
  command: ['caddy', 'run'],
};

it('says whose containers and networks are, and publishes nothing that is not asked for', () => {
  expect(overrideOf('p1', [wish('db')], undefined, ['default'])).toBe(
    [
      '# Written by camp for docker compose, anew at each start.',
      'services:',
      '  "db": {"labels": {"dev.camp.project": "p1", "dev.camp.config": "abc"}, "ports": !override []}',
      'networks:',
      '  "default": {"labels": {"dev.camp.project": "p1"}}',
      '',
    ].join('\n'),
  );
});

it('publishes on loopback, under a chosen or a free port', () => {
  const ports = [
    { containerPort: 80, protocol: 'tcp' },
    { containerPort: 53, protocol: 'udp', hostPort: 5353 },
  ] as const;
  expect(overrideOf('p1', [wish('db', { ports })], undefined, [])).toContain(
    '"ports": !override [{"target": 80, "host_ip": "127.0.0.1", "protocol": "tcp"}, {"target": 53, "host_ip": "127.0.0.1", "protocol": "udp", "published": "5353"}]',
  );
});

it('keeps dollars, quotes and line ends out of the way of Compose and YAML', () => {
  const environment = { A: 'a$b${C}', B: '"\n: #{}', C: "it's" };
  expect(overrideOf('p1', [wish('db', { environment })], undefined, [])).toContain(
    '"environment": {"A": "a$$b$${C}", "B": "\\"\\n: #{}", "C": "it\'s"}',
  );
});

it('is still a file of Compose with nothing in it', () => {
  expect(overrideOf('p1', [], undefined, [])).toContain('services: {}\n');
});

it('makes no volumes of what runs without a container', () => {
  expect(overrideOf('p1', [wish('api')], undefined, [], ['db'])).toContain('\n  "db": {"volumes": !reset null}\n');
});

it('leaves nothing of a service whose place the edge takes', () => {
  const text = overrideOf('p1', [], edge, []);
  for (const key of ['build', 'depends_on', 'environment', 'env_file', 'network_mode', 'profiles', 'secrets'])
    expect(text).toContain(`"${key}": !reset null`);
  expect(text).toContain('"command": !override ["caddy", "run"]');
  expect(text).toContain(`"dev.camp.config": "${edgeHash(edge)}", "dev.camp.role": "edge"`);
});

it('tells edges apart', () => {
  expect(edgeHash({ ...edge, ports: [8444] })).not.toBe(edgeHash(edge));
});
