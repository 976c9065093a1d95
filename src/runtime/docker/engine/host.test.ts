import { expect, test } from 'vitest';
import { parseHost } from './host.ts';

test.each([
  ['unix:///run/user/1000/docker.sock', { kind: 'socket', path: '/run/user/1000/docker.sock' }],
  ['unix://', { kind: 'socket', path: '/var/run/docker.sock' }],
  ['npipe:////./pipe/docker_engine', { kind: 'socket', path: '//./pipe/docker_engine' }],
  ['tcp://10.0.0.1', { kind: 'tcp', hostname: '10.0.0.1', port: 2375, prefix: '' }],
  ['10.0.0.1:4243', { kind: 'tcp', hostname: '10.0.0.1', port: 4243, prefix: '' }],
  ['tcp://build:80', { kind: 'tcp', hostname: 'build', port: 80, prefix: '' }],
  ['tcp://[::1]:2375/engine/', { kind: 'tcp', hostname: '::1', port: 2375, prefix: '/engine' }],
  ['ssh://me@build:22', { kind: 'ssh' }],
  ['fd://', { kind: 'unknown' }],
  ['tcp://me:secret@build', { kind: 'unknown' }],
  ['tcp://build:99999', { kind: 'unknown' }],
])('%s', (text, host) => {
  expect(parseHost(text)).toEqual(host);
});

test('with TLS the usual port is another', () => {
  expect(parseHost('tcp://build', true)).toMatchObject({ port: 2376 });
});
