import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../kit/failure.ts';
import { loadRender, type Values } from './render.ts';
import type { Change } from './types.ts';

/** The package's own templates folder: the nearest one above this file, which lies in src/ or, bundled, in dist/. */
export function templatesDir(): string {
  for (let dir = dirname(fileURLToPath(import.meta.url)); dir !== dirname(dir); dir = dirname(dir)) {
    const candidate = join(dir, 'templates');
    if (existsSync(join(candidate, 'starter')) && existsSync(join(candidate, 'service'))) return candidate;
  }
  fail('bug', 'BUG', 'the templates folder is missing from this installation');
}

/**
 * The templates of a kind, by name. `node-kit` is what `node` is in a project with a kit, `python-events` and `go-events` are
 * what those have besides where they use a broker: none of them has a name of its own.
 */
export function templateNames(kind: 'service' | 'starter'): readonly string[] {
  const root = join(templatesDir(), kind);
  const isWhole = (name: string) => kind === 'service' || existsSync(join(root, name, 'compose.yaml.hbs'));
  return readdirSync(root)
    .filter((name) => !/-(?:kit|events)$/.test(name) && isWhole(name))
    .sort();
}

/** What describes a starter and is not part of it. */
const manifestName = 'starter.json';

/**
 * Renders every file of a template as new files below `folder`. `x.hbs` becomes `x`, `dot-x` becomes `.x`
 * (npm leaves .gitignore out of packages), everything else is taken as it is.
 */
export async function renderTemplate(
  kind: 'service' | 'starter' | 'kit' | 'ci',
  name: string,
  folder: string,
  values: Values,
): Promise<readonly Change[]> {
  const render = await loadRender();
  const root = join(templatesDir(), kind, name);
  return filesBelow(root).map((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const isTemplate = file.endsWith('.hbs');
    const path = file.replace(/\.hbs$/, '').replace(/(^|\/)dot-/g, '$1.');
    return { path: folder ? `${folder}/${path}` : path, after: isTemplate ? render(text, values) : text };
  });
}

/** What a starter says of itself in `starter.json`. */
export interface StarterManifest {
  /** Its services use the kit, which is rendered to packages/kit. */
  readonly kit: boolean;
  /** Files and folders that it has as another starter has them, by the paths that they get in the project. */
  readonly like: { readonly starter: string; readonly paths: readonly string[] } | undefined;
  /** Variables that are generated into `.env`, besides the passwords that its compose.yaml asks for. */
  readonly secrets: readonly string[];
  /** npm workspaces beside `packages/*` and `services/*`: `modules/*`. */
  readonly workspaces: readonly string[];
  /** The commands that come next. */
  readonly next: readonly string[];
}

/** The manifest of a starter, with defaults for what it does not say. */
export function starterManifest(name: string): StarterManifest {
  const said = readFileSync(join(templatesDir(), 'starter', name, manifestName), 'utf8');
  const silent: StarterManifest = { kit: false, like: undefined, secrets: [], workspaces: [], next: ['camp up'] };
  return { ...silent, ...(JSON.parse(said) as Partial<StarterManifest>) };
}

/** Every file of a starter as a new file: its own, and those of the starter that it is like, where it has none itself. */
export async function renderStarter(name: string, values: Values): Promise<readonly Change[]> {
  const own = await renderTemplate('starter', name, '', values);
  const { like } = starterManifest(name);
  if (!like) return own;
  const all = await renderTemplate('starter', like.starter, '', values);
  const isMeant = (path: string) => like.paths.some((one) => path === one || path.startsWith(`${one}/`));
  return [...own, ...all.filter(({ path }) => isMeant(path) && !own.some((has) => has.path === path))];
}

function filesBelow(root: string, below = ''): readonly string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = below ? `${below}/${entry.name}` : entry.name;
      // what somebody has installed to try a template is no part of it
      if (entry.name === 'node_modules' || path === manifestName) return [];
      return entry.isDirectory() ? filesBelow(root, path) : [path];
    });
}
