/** A package.json, as far as a lockfile repeats it. */
export type Manifest = Readonly<Record<string, unknown>>;
/** The entries of a lockfile by their place: `node_modules/pg`, `services/orders`. */
export type LockEntries = Readonly<Record<string, Manifest>>;

/** A package of a workspace: its folder, and what its package.json says. */
export interface Member {
  readonly path: string;
  readonly manifest: Manifest;
}

/** What a lockfile consists of. */
export interface LockParts {
  readonly root: Manifest;
  readonly members: readonly Member[];
  /** Packages from a registry. */
  readonly external: LockEntries;
}

/** The text that npm 11 writes for these packages; nothing is installed for it. */
export function lockText({ root, members, external }: LockParts): string {
  const entries: Record<string, unknown> = { '': entryOf(root, '') };
  const others: Record<string, unknown> = { ...external };
  for (const { path, manifest } of members) {
    others[`node_modules/${nameOf(manifest, path)}`] = { resolved: path, link: true };
    others[path] = entryOf(manifest, path);
  }
  for (const path of Object.keys(others).sort(inEnglish)) entries[path] = others[path];
  const { name = '', version } = root;
  const lock = { name, version, lockfileVersion: 3, requires: true, packages: entries };
  return `${JSON.stringify(lock, null, 2)}\n`;
}

/** The parts of a lockfile of npm 7 or newer; undefined where it is none. */
export function readLock(text: string): LockParts | undefined {
  const lock = parseManifest(text);
  const packages = lock?.['packages'];
  if (!isManifest(packages)) return undefined;
  const entries = Object.entries(packages).filter((entry): entry is [string, Manifest] => isManifest(entry[1]));
  const isExternal = (path: string) => path.includes('node_modules/');
  return {
    root: (packages[''] as Manifest | undefined) ?? {},
    members: entries
      .filter(([path]) => path !== '' && !isExternal(path))
      .map(([path, entry]) => ({ path, manifest: { name: linkTo(entries, path), ...entry } })),
    external: Object.fromEntries(entries.filter(([path, entry]) => isExternal(path) && entry['link'] !== true)),
  };
}

function linkTo(entries: readonly (readonly [string, Manifest])[], path: string): string {
  const link = entries.find(([, entry]) => entry['link'] === true && entry['resolved'] === path);
  return link?.[0].replace(/^node_modules\//, '') ?? path;
}

/** Those of `known` that the members need, directly or through others. */
export function closure(members: readonly Member[], known: LockEntries): LockEntries {
  const own = new Set(members.map(({ path, manifest }) => nameOf(manifest, path)));
  const found = new Map<string, Manifest>();
  const visit = (manifest: Manifest, at: string): void => {
    for (const name of dependenciesOf(manifest)) {
      if (own.has(name)) continue;
      const path = placesFor(name, at).find((place) => Object.hasOwn(known, place));
      if (path === undefined || found.has(path)) continue;
      const entry = known[path] ?? {};
      found.set(path, entry);
      visit(entry, path);
    }
  };
  for (const { manifest } of members) visit(manifest, '');
  return Object.fromEntries(found);
}

/** Where Node looks for a package from within another one, the nearest first. */
function placesFor(name: string, at: string): readonly string[] {
  const places = [`node_modules/${name}`];
  for (let from = at; from !== ''; from = from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))))
    places.splice(-1, 0, `${from}/node_modules/${name}`);
  return places;
}

function dependenciesOf(manifest: Manifest): readonly string[] {
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap((key) => {
    const value = manifest[key];
    return isManifest(value) ? Object.keys(value) : [];
  });
}

const kept = [
  ...['name', 'version', 'license', 'hasInstallScript', 'os', 'cpu', 'workspaces'],
  ...['bin', 'dependencies', 'devDependencies', 'engines', 'optionalDependencies', 'peerDependencies'],
];

/** What a lockfile repeats of a package.json; a name only where the folder is called otherwise. */
function entryOf(manifest: Manifest, path: string): Manifest {
  const name = path !== '' && nameOf(manifest, path) === path.split('/').at(-1) ? undefined : manifest['name'];
  const entry = { ...manifest, name };
  return Object.fromEntries(
    kept.flatMap((key) => (entry[key as 'name'] === undefined ? [] : [[key, entry[key as 'name']]])),
  );
}

function nameOf(manifest: Manifest, path: string): string {
  return typeof manifest['name'] === 'string' ? manifest['name'] : (path.split('/').at(-1) ?? path);
}

/** The object that a JSON text is; undefined where it is something else. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isManifest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function inEnglish(a: string, b: string): number {
  return a.localeCompare(b, 'en');
}
