import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { download } from './download.ts';
import type { Source } from './source.ts';
import { extractOne } from './tar.ts';

/** The archives of one official release, with checksums that are fixed here: neither mirror nor redirect is trusted. */
export interface Release {
  /** For messages: `Caddy's release 2.11.4`. */
  readonly title: string;
  readonly baseUrl: string;
  readonly algorithm: 'sha256' | 'sha512';
  /** Of the archives, by `<platform>-<arch>` of Node. */
  readonly checksums: Readonly<Record<string, string>>;
  archiveName(platform: string, arch: string): string;
  /** The program's path in the archive. */
  programName(platform: string, arch: string): string;
}

export function releaseSource(
  release: Release,
  platform: string = process.platform,
  arch: string = process.arch,
): Source {
  const { title, baseUrl, algorithm, checksums } = release;
  return {
    origin: 'release',
    name: title,
    async fetch(folder, { env, signal }) {
      const expected = checksums[`${platform}-${arch}`];
      if (expected === undefined) throw new Error(`there is no pinned release for ${platform} ${arch}`);
      const { content } = await download(`${baseUrl}/${release.archiveName(platform, arch)}`, env, signal);
      const got = createHash(algorithm).update(content).digest('hex');
      if (got !== expected)
        throw new Error(
          `the checksum does not match: got ${algorithm} ${got.slice(0, 16)}..., expected ${expected.slice(0, 16)}...; not used`,
        );
      const unpacked = await promisify(gunzip)(content, { maxOutputLength: 400 * 1024 * 1024 });
      const wanted = release.programName(platform, arch);
      const program = join(folder, 'program');
      writeFileSync(
        program,
        extractOne(unpacked, (name) => name === wanted),
        { mode: 0o755 },
      );
      return program;
    },
  };
}
