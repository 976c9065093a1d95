import { expect, test } from 'vitest';
import { knownTools, versionIn } from './known.ts';
import { postgresPins } from './postgres-pins.ts';
import { caddyRelease, natsRelease } from './releases.ts';
import { extractOne } from './tar.ts';
import { isAtLeast } from './version.ts';

test.each([
  ['2.11.4\n', '2.11.4'],
  ['v2.11.4 h1:abc=\n', '2.11.4'],
  ['v2.12.0-beta.1 h1:abc=', '2.12.0'],
  ['(devel)', undefined],
  ['', undefined],
])('caddy version says %j: %s', (output, version) => {
  expect(versionIn(knownTools.caddy, output)).toBe(version);
});

test.each([
  ['postgres', 'postgres (PostgreSQL) 17.10', '17.10'],
  ['postgres', 'postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', '15.18'],
  ['postgres', 'postgres (PostgreSQL) 19beta1', '19'],
  ['postgres', 'postgres: a shell function', undefined],
  ['redis', 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1', '7.0.15'],
  ['redis', 'Valkey server v=8.1.1 sha=00000000:0 malloc=libc bits=64 build=1', '8.1.1'],
  ['nats', 'nats-server: v2.14.5', '2.14.5'],
  ['rabbitmq', 'ra-2.0.13\nrabbit-3.10.8\nrabbit_common-3.10.8', '3.10.8'],
  ['rabbitmq', 'rabbit-4.1.2.ez', '4.1.2'],
] as const)('%s says %j: %s', (name, output, version) => {
  expect(versionIn(knownTools[name], output)).toBe(version);
});

test.each([
  ['2.11.4', true],
  ['2.11.10', true],
  ['2.12.0', true],
  ['3.0.0', true],
  ['2.11.3', false],
  ['2.6.2', false],
  ['1.99.99', false],
])('%s is new enough: %s', (version, expected) => {
  expect(isAtLeast(version)).toBe(expected);
});

test('every supported platform has a pinned checksum', () => {
  for (const platform of ['linux', 'darwin'])
    for (const arch of ['x64', 'arm64'])
      expect(caddyRelease.checksums[`${platform}-${arch}`]).toMatch(/^[0-9a-f]{128}$/);
  expect(caddyRelease.archiveName('darwin', 'arm64')).toBe('caddy_2.11.4_mac_arm64.tar.gz');
  expect(caddyRelease.archiveName('linux', 'x64')).toBe('caddy_2.11.4_linux_amd64.tar.gz');
  for (const arch of ['x64', 'arm64']) expect(natsRelease.checksums[`linux-${arch}`]).toMatch(/^[0-9a-f]{64}$/);
  expect(natsRelease.archiveName('linux', 'x64')).toBe('nats-server-v2.14.5-linux-amd64.tar.gz');
  expect(natsRelease.programName('linux', 'arm64')).toBe('nats-server-v2.14.5-linux-arm64/nats-server');
});

test('each major version of PostgreSQL has a pinned package of that version for every platform', () => {
  expect(Object.keys(postgresPins)).toEqual(['15', '16', '17', '18']);
  for (const [major, pins] of Object.entries(postgresPins)) {
    expect(Object.keys(pins).sort()).toEqual(['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64']);
    for (const { version, sha512 } of Object.values(pins)) {
      expect(version.split('.')[0]).toBe(major);
      expect(Buffer.from(sha512, 'base64')).toHaveLength(64);
    }
  }
});

/** One member of a ustar archive. */
function member(name: string, content = '', type = '0'): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000755\0', 100);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
  body.write(content);
  return Buffer.concat([header, body]);
}
const end = Buffer.alloc(1024);
const isCaddy = (name: string): boolean => name === 'caddy';

test('one regular file is taken out of an archive', () => {
  const archive = Buffer.concat([
    member('LICENSE', 'x'.repeat(600)),
    member('./caddy', 'program'),
    member('README.md', 'y'),
    end,
  ]);
  expect(extractOne(archive, isCaddy).toString()).toBe('program');
});

test.each([
  ['a path that climbs out', member('../caddy', 'x'), /unsafe path/],
  ['an absolute path', member('/caddy', 'x'), /unsafe path/],
  ['a link', member('caddy', '', '2'), /something else than files/],
  ['a hard link', member('caddy', '', '1'), /something else than files/],
  ['a device', member('caddy', '', '3'), /something else than files/],
])('an archive with %s is refused whole', (_, first, reason) => {
  expect(() => extractOne(Buffer.concat([first, member('caddy', 'program'), end]), isCaddy)).toThrow(reason);
});

test('an archive without the program is refused', () => {
  expect(() => extractOne(Buffer.concat([member('other', 'x'), end]), isCaddy)).toThrow(/does not hold/);
});

test('a refused member after the wanted one refuses too', () => {
  expect(() => extractOne(Buffer.concat([member('caddy', 'program'), member('../x', ''), end]), isCaddy)).toThrow(
    /unsafe path/,
  );
});

test('a damaged or truncated archive is refused', () => {
  const archive = Buffer.concat([member('caddy', 'x'.repeat(2000)), end]);
  const damaged = Buffer.from(archive);
  damaged[3] = 1;
  expect(() => extractOne(damaged, isCaddy)).toThrow(/damaged/);
  expect(() => extractOne(archive.subarray(0, 1024), isCaddy)).toThrow(/truncated/);
  expect(() => extractOne(Buffer.from('garbage'), isCaddy)).toThrow(/does not hold/);
});
