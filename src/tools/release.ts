import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { download } from './download.ts';
import type { Source } from './source.ts';
import { extractOne } from './tar.ts';
import { minimumVersion } from './version.ts';

export interface ReleasePins {
  readonly baseUrl: string;
  /** SHA-512 of the archive by `<platform>-<arch>` of Node. */
  readonly sha512: Readonly<Record<string, string>>;
}

/** The official release's own checksums (caddy_2.11.4_checksums.txt), fixed here: neither mirror nor redirect is trusted. */
export const officialRelease: ReleasePins = {
  baseUrl: `https://github.com/caddyserver/caddy/releases/download/v${minimumVersion}`,
  sha512: {
    'linux-x64':
      '8220d1f013b6f27510247b2360c9e0ca9f018feebd82515f07635318b34ff9777ccc8fd0b6e6f2486ce3a33fe389fbb7db12d05baa474f4587509fb4f5ebf1c9',
    'linux-arm64':
      'd5a7c423853c24a799765e0e8210d5c7c22a8f56ed37a3cae2fb9f58be138853c02b4efd6b59d576e6d8c7c0d30b9c1592deeaa6a536ff69bcca23b8c1ea709c',
    'darwin-x64':
      'e04eb10f9ce7e2e079bc9bff1bd5d3a3164888d1edbb1a49e5d15be4eab691b57e89ed36bb29c65ba43f1ba8d9279e0967b1003991c13fe4cb78384c3caf25de',
    'darwin-arm64':
      '3190ae0df98b59ab4b6021556fa35adc3c526a4f3e138776b0eaec8a037cc26121cbbb1ad53453f565551b47d37d5ba4755e2c2c3652256737fe2ce9e53c8ec0',
  },
};

/** The archive's name for a platform: Caddy says `mac` and `amd64`. */
export function archiveName(platform: string, arch: string): string {
  return `caddy_${minimumVersion}_${platform === 'darwin' ? 'mac' : platform}_${arch === 'x64' ? 'amd64' : arch}.tar.gz`;
}

export function releaseSource(
  pins: ReleasePins = officialRelease,
  platform: string = process.platform,
  arch: string = process.arch,
): Source {
  return {
    origin: 'release',
    name: `Caddy's release ${minimumVersion}`,
    async fetch(folder, { env, signal }) {
      const pin = pins.sha512[`${platform}-${arch}`];
      if (pin === undefined) throw new Error(`there is no pinned release for ${platform} ${arch}`);
      const archive = await download(`${pins.baseUrl}/${archiveName(platform, arch)}`, env, signal);
      if (archive.sha512 !== pin)
        throw new Error(
          `the checksum does not match: got SHA-512 ${archive.sha512.slice(0, 16)}..., expected ${pin.slice(0, 16)}...; not used`,
        );
      const unpacked = await promisify(gunzip)(archive.content, { maxOutputLength: 400 * 1024 * 1024 });
      const program = join(folder, 'caddy');
      writeFileSync(
        program,
        extractOne(unpacked, (name) => name === 'caddy'),
        { mode: 0o755 },
      );
      return program;
    },
  };
}
