import type { Release } from './release.ts';
import { minimumVersion } from './version.ts';

/** The checksums are the release's own (caddy_2.11.4_checksums.txt). */
export const caddyRelease: Release = {
  title: `Caddy's release ${minimumVersion}`,
  baseUrl: `https://github.com/caddyserver/caddy/releases/download/v${minimumVersion}`,
  algorithm: 'sha512',
  checksums: {
    'linux-x64':
      '8220d1f013b6f27510247b2360c9e0ca9f018feebd82515f07635318b34ff9777ccc8fd0b6e6f2486ce3a33fe389fbb7db12d05baa474f4587509fb4f5ebf1c9',
    'linux-arm64':
      'd5a7c423853c24a799765e0e8210d5c7c22a8f56ed37a3cae2fb9f58be138853c02b4efd6b59d576e6d8c7c0d30b9c1592deeaa6a536ff69bcca23b8c1ea709c',
    'darwin-x64':
      'e04eb10f9ce7e2e079bc9bff1bd5d3a3164888d1edbb1a49e5d15be4eab691b57e89ed36bb29c65ba43f1ba8d9279e0967b1003991c13fe4cb78384c3caf25de',
    'darwin-arm64':
      '3190ae0df98b59ab4b6021556fa35adc3c526a4f3e138776b0eaec8a037cc26121cbbb1ad53453f565551b47d37d5ba4755e2c2c3652256737fe2ce9e53c8ec0',
  },
  // Caddy says `mac` and `amd64`
  archiveName: (platform, arch) =>
    `caddy_${minimumVersion}_${platform === 'darwin' ? 'mac' : platform}_${goArch(arch)}.tar.gz`,
  programName: () => 'caddy',
};

const natsVersion = '2.14.5';

/**
 * The checksums are those of the official image (nats-io/nats-docker 2.14.x/alpine3.22/Dockerfile, commit aa0caa5), which
 * is made of the same archives; there are none for macOS.
 */
export const natsRelease: Release = {
  title: `nats-server's release ${natsVersion}`,
  baseUrl: `https://github.com/nats-io/nats-server/releases/download/v${natsVersion}`,
  algorithm: 'sha256',
  checksums: {
    'linux-x64': '5e3b603d47c447bda1f77f9ac16dbf91c90aac4ff3681f8fbbc7201e4ed99355',
    'linux-arm64': '673a98d3faa79dde3f9ebf16d6dfac36a5f694e7ad2015e4954dd7939c85cd4c',
  },
  archiveName: (platform, arch) => `${natsFolder(platform, arch)}.tar.gz`,
  programName: (platform, arch) => `${natsFolder(platform, arch)}/nats-server`,
};

function natsFolder(platform: string, arch: string): string {
  return `nats-server-v${natsVersion}-${platform}-${goArch(arch)}`;
}

function goArch(arch: string): string {
  return arch === 'x64' ? 'amd64' : arch;
}
