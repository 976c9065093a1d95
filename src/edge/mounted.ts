import { isObject, type Json } from './json.ts';

/** What the Caddy of the project's own compose file has mounted: `target` in its container is `source` here. Absolute. */
export interface Mounted {
  readonly source: string;
  readonly target: string;
}

/** Puts folders of this machine in the place of those that the Caddyfile means in its container: `root * /srv`. */
export function rootsOnThisMachine(node: Json | undefined, mounts: readonly Mounted[]): void {
  if (mounts.length === 0) return;
  if (Array.isArray(node)) {
    for (const item of node) rootsOnThisMachine(item, mounts);
  } else if (isObject(node)) {
    for (const [key, value] of Object.entries(node)) {
      if (key === 'root' && typeof value === 'string') node[key] = sourceOf(value, mounts);
      else rootsOnThisMachine(value, mounts);
    }
  }
}

/** The innermost mount decides. */
function sourceOf(path: string, mounts: readonly Mounted[]): string {
  const trimmed = path.replace(/(?<=.)\/+$/, '');
  const [best] = mounts
    .map(({ source, target }) => ({ source, target: target.replace(/(?<=.)\/+$/, '') }))
    .filter(({ target }) => trimmed === target || trimmed.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length);
  return best ? `${best.source}${trimmed.slice(best.target.length)}` : path;
}
