import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadProject } from './load.ts';
import { powersOf } from './powers.ts';

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'camp-powers-')));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each<[string, readonly string[]]>([
  ['ports: ["80:80"], volumes: ["./data:/data", "named:/x"], cap_add: [NET_ADMIN], network_mode: bridge', []],
  ['privileged: true', ['is privileged']],
  ['privileged: false', []],
  ['volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]', ['commands the engine by /var/run/docker.sock']],
  ['volumes: [{type: bind, source: /etc, target: /host/etc}, "./a:/a"]', ['sees /etc']],
  ['volumes: ["../other:/other"]', [`sees ${join(dir, '..', 'other')}`]],
  ['pid: host, network_mode: host', ["has this machine's pid", "has this machine's network_mode"]],
  ['cap_add: [SYS_ADMIN, CHOWN]', ['has the capability SYS_ADMIN']],
  ['devices: ["/dev/kvm:/dev/kvm"]', ['has the device /dev/kvm']],
])('%s', (keys, expected) => {
  writeFileSync(join(dir, 'compose.yaml'), `services:\n  a: {image: x, ${keys}}\nvolumes: {named: {}}\n`);
  const { project, problems } = loadProject(dir, { env: {} });
  expect(problems).toEqual([]);
  const service = project?.services.get('a');
  expect(project?.compose && service && powersOf(project.compose, service)).toEqual(expected);
});
