import { renderCaddyfile } from './caddyfile.ts';
import { rulesIn } from './layout.ts';
import type { Rendered, Site } from './types.ts';

/**
 * A compose file with Caddy in a container before the same services: in the network of the machine, where they listen,
 * with their files and its own storage mounted. Linux only, as the network of the machine is.
 */
export function renderCompose(site: Site, image: string): { readonly compose: Rendered; readonly caddyfile: Rendered } {
  const caddyfile = renderCaddyfile(site);
  if ('refused' in caddyfile) return { compose: caddyfile, caddyfile };
  const found = rulesIn(site).flatMap(({ action }) => (action.kind === 'files' ? [action.root] : []));
  // the longest first: one may lie in another
  const roots = [...new Set(found)].toSorted((one, other) => other.length - one.length);
  const inside = (at: number): string => (roots.length === 1 ? '/srv' : `/srv/${at + 1}`);
  const text = roots.reduce((all, root, at) => all.replaceAll(root, inside(at)), caddyfile.text);
  const lines = [
    'services:',
    '  caddy:',
    `    image: ${image}`,
    '    network_mode: host',
    '    volumes:',
    '      - ./Caddyfile:/etc/caddy/Caddyfile:ro',
    ...roots.map((root, at) => `      - ${JSON.stringify(`${root}:${inside(at)}:ro`)}`),
    '      - data:/data',
    'volumes:',
    '  data:',
  ];
  return { compose: { text: `${lines.join('\n')}\n`, omitted: [] }, caddyfile: { ...caddyfile, text } };
}
