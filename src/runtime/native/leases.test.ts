import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PortClaims } from '../../kit/port-claims.ts';
import { PortLeases } from './leases.ts';

const dir = mkdtempSync(join(tmpdir(), 'camp-leases-'));
afterAll(() => rmSync(dir, { recursive: true }));

const keys = ['api:1', 'api:2', 'web:1'];

/** What a camp gives the keys; of one name and another folder it would choose the same as any other. */
async function portsOf(leases: PortLeases): Promise<readonly (number | undefined)[]> {
  await leases.prepare(keys);
  return keys.map((key) => leases.lease(key));
}

describe.runIf(process.platform === 'linux')('two camps that begin at once and would choose the same ports', () => {
  function camp(folder: string, claims = new PortClaims()): PortLeases {
    mkdirSync(join(dir, folder), { recursive: true });
    return new PortLeases(join(dir, folder), 'the same', claims);
  }

  it('get different ones, long before anybody listens', async () => {
    const given = await Promise.all([portsOf(camp('one')), portsOf(camp('two')), portsOf(camp('three'))]);
    expect(new Set(given.flat()).size).toBe(9);
    expect(given.flat()).not.toContain(undefined);
  });

  it('whoever only looks sees what the project has, and takes nothing', async () => {
    const claims = new PortClaims();
    const running = camp('four', claims);
    const given = await portsOf(running);
    running.save();
    const looking = new PortLeases(join(dir, 'four'), 'the same');
    expect(await portsOf(looking)).toEqual(given);
    const again = new PortLeases(join(dir, 'four'), 'the same', claims);
    expect(await portsOf(again)).toEqual(given);
  });

  it('a remembered port that another has claimed meanwhile is left to it', async () => {
    const before = camp('five');
    before.set('api:1', 31_999);
    before.save();
    const other = new PortClaims();
    expect(await other.claim(31_999)).toBe(true);
    const [port] = await portsOf(camp('five'));
    expect(port).not.toBe(31_999);
  });
});
