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

/** The templates of a kind, by name. */
export function templateNames(kind: 'service' | 'starter'): readonly string[] {
  return readdirSync(join(templatesDir(), kind)).sort();
}

/**
 * Renders every file of a template as new files below `folder`. `x.hbs` becomes `x`, `dot-x` becomes `.x`
 * (npm leaves .gitignore out of packages), everything else is taken as it is.
 */
export async function renderTemplate(
  kind: 'service' | 'starter',
  name: string,
  folder: string,
  values: Values,
): Promise<readonly Change[]> {
  const render = await loadRender();
  const root = join(templatesDir(), kind, name);
  return filesBelow(root).map((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const isTemplate = file.endsWith('.hbs');
    const path = file.replace(/\.hbs$/, '').replace(/(^|\/)dot-/, '$1.');
    return { path: folder ? `${folder}/${path}` : path, after: isTemplate ? render(text, values) : text };
  });
}

function filesBelow(root: string, below = ''): readonly string[] {
  return readdirSync(join(root, below), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = below ? `${below}/${entry.name}` : entry.name;
      return entry.isDirectory() ? filesBelow(root, path) : [path];
    });
}
