import { join } from 'node:path';
import { makeFolder, readText, writeWhole } from '../../kit/files.ts';
import { type BuildDefinition, fingerprintOf } from './build-inputs.ts';
import type { Api } from './engine/types.ts';

/** A service's image that camp builds. */
export interface BuiltImage {
  readonly service: string;
  /** As Compose tags it. */
  readonly ref: string;
  readonly build: BuildDefinition;
}

/** What an image was built from, in the project's state folder: service to fingerprint. */
type Records = Readonly<Record<string, string>>;

/** Images that must be built before a container can be created, and why. Contexts that cannot be looked through are built: Docker's own cache then decides. */
export async function staleImages(
  api: Api,
  images: readonly BuiltImage[],
  stateDir: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const records = readRecords(stateDir);
  const causes = await Promise.all(
    images.map(async ({ service, ref, build }): Promise<readonly [string, string] | undefined> => {
      if (!(await api.inspectImage(ref, { signal }))) return [service, 'no image yet'];
      const now = fingerprintOf(build);
      if (now !== undefined && records[service] === now) return undefined;
      return [service, records[service] === undefined ? 'not built by camp yet' : 'its files changed'];
    }),
  );
  return new Map(causes.filter((one) => one !== undefined));
}

/** To be taken before the build begins: what is saved while it runs is for the next one. */
export function fingerprintsOf(images: readonly BuiltImage[]): Records {
  const found = images.map(({ service, build }) => [service, fingerprintOf(build)] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export function recordImages(stateDir: string, built: Records): void {
  makeFolder(stateDir, 0o700);
  const all = { ...readRecords(stateDir), ...built };
  writeWhole(fileOf(stateDir), `${JSON.stringify(all, null, 1)}\n`, { mode: 0o600, durable: false });
}

/** A file that says nothing sensible is as good as none: everything is built again, from the cache. */
function readRecords(stateDir: string): Records {
  try {
    const read: unknown = JSON.parse(readText(fileOf(stateDir)) ?? '{}');
    return read !== null && typeof read === 'object' && !Array.isArray(read) ? (read as Records) : {};
  } catch {
    return {};
  }
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'images.json');
}
