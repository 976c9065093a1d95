import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { claimEdgePorts } from './edge-ports.ts';

const claims = mkdtempSync(join(tmpdir(), 'camp-claims-'));
afterAll(() => rmSync(claims, { recursive: true, force: true }));

it.each<[string, readonly number[], number | undefined, readonly [number, number]]>([
  ['nothing is declared', [], undefined, [8443, 8080]],
  ['a service is to be published where its redirect would be', [8080, 8445], undefined, [8444, 8081]],
  ['a service is to be published where it would be', [8443, 3000], undefined, [8444, 8081]],
  ['it had a port that a service is to have now', [8450], 8450, [8443, 8080]],
  ['it had one that is still its own', [8080], 8450, [8450, 8087]],
])('leaves its own services their ports: %s', (_, declared, before, expected) => {
  const ports = claimEdgePorts(claims, 'a test', {
    refused: new Set([443]),
    declared: new Set(declared),
    ...(before === undefined ? {} : { before }),
  });
  expect([ports.https, ports.http]).toEqual(expected);
  ports.release();
});
