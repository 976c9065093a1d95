import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { authorityFiles } from '../../src/edge/authority.ts';
import { refusalOfChain } from '../../src/edge/verify-peer.ts';
import { caddy, createRig, eventually, never, type Rig, wantedOf } from './edge-rig.ts';

const rootOf = (rig: Rig): X509Certificate => new X509Certificate(readFileSync(authorityFiles(rig.setup.storage).root));

async function peer(rig: Rig): Promise<TLSSocket> {
  await rig.edge.start(never);
  await rig.edge.route(wantedOf('shop.localhost {\n\trespond "hi"\n}\n', {}), never);
  // Caddy makes the certificate in the background: until then it refuses the handshake
  return eventually('a handshake', () => handshake(rig).catch(() => undefined));
}

function handshake(rig: Rig): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: rig.setup.ports.https,
      servername: 'shop.localhost',
      ca: [],
      rejectUnauthorized: false,
    };
    const socket = connect(options, () => resolve(socket));
    socket.once('error', reject);
  });
}

describe.skipIf(caddy === undefined)('verification of the edge by one root', () => {
  test('accepts what Node accepts, and refuses another CA, another host and another time', async () => {
    await using rig = createRig();
    await using other = createRig();
    (await peer(other)).destroy();
    const socket = await peer(rig);
    const root = rootOf(rig);
    const leaf = socket.getPeerX509Certificate() ?? expect.fail('no certificate');
    const refusal = (host: string, by: X509Certificate, now = Date.now()): string | undefined =>
      refusalOfChain(leaf, leaf.issuerCertificate, host, by, now);
    expect(refusal('shop.localhost', root)).toBeUndefined();
    expect(refusal('shop.localhost', rootOf(other))).toContain('not signed by the local CA');
    expect(refusal('elsewhere.localhost', root)).toContain('not for elsewhere.localhost');
    expect(refusal('shop.localhost', root, Date.now() + 400 * 86_400_000)).toContain('not valid now');
    expect(refusal('shop.localhost', root, Date.parse('2020-01-01'))).toContain('not valid now');
    socket.destroy();
  });
});
