import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { renderCaddyfile } from '../../../edge/rivals/caddyfile.ts';
import { rulesIn } from '../../../edge/rivals/layout.ts';
import type { Site } from '../../../edge/rivals/types.ts';
import { makeFolder, writeWhole } from '../../../kit/files.ts';
import { wordsOf } from './programs.ts';
import type { Place, Rival } from './types.ts';

/** Another Caddyfile around the one that is counted: it says where to listen, and to leave this machine's trust alone. */
export function outerCaddyfile({ https, http }: Pick<Place, 'https' | 'http'>, inner: string): string {
  const options = [`https_port ${https}`, `http_port ${http}`, 'default_bind 127.0.0.1', 'skip_install_trust'];
  return `{\n${options.map((line) => `\t${line}\n`).join('')}}\nimport ${inner}\n`;
}

/**
 * `hide .*` hides whatever has a name with a dot anywhere in its whole path, so everything below a folder such as `.camp`, where
 * the copy that is measured lies. Where the kernel shows a process its own folder by a name without a dot, links in that
 * folder take the place of such roots, so that Caddy is served from its shortest file.
 */
function aroundHiding(text: string, site: Site, folder: string): string {
  if (process.platform !== 'linux') return text;
  const roots = new Set(rulesIn(site).flatMap(({ action }) => (action.kind === 'files' ? [action.root] : [])));
  const dotted = [...roots].filter((root) => /\/\.[^/]/.test(root)).toSorted((a, b) => b.length - a.length);
  return dotted.reduce((all, root, i) => {
    const link = join(folder, `root-${i}`);
    rmSync(link, { force: true });
    symlinkSync(root, link);
    return all.replaceAll(root, `/proc/self/cwd/root-${i}`);
  }, text);
}

export async function caddyRival(caddy: string, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Rival> {
  const version = /v?(\d[\d.]+\S*)/.exec(await wordsOf([caddy, 'version'], signal))?.[1];
  return {
    server: 'caddy',
    version: version ?? null,
    render(site) {
      const rendered = renderCaddyfile(site);
      if ('refused' in rendered) return rendered;
      return { files: [{ path: 'Caddyfile', kind: 'caddyfile', text: rendered.text }], omitted: rendered.omitted };
    },
    install([file], site, place) {
      const { folder } = place;
      makeFolder(join(folder, 'home'), 0o700);
      writeWhole(join(folder, 'Caddyfile'), aroundHiding(file?.text ?? '', site, folder), { durable: false });
      writeWhole(join(folder, 'served.caddyfile'), outerCaddyfile(place, 'Caddyfile'), { durable: false });
      const config = ['--adapter', 'caddyfile', '--config', 'served.caddyfile'];
      const home = join(folder, 'home');
      return {
        check: [caddy, 'validate', ...config],
        serve: [caddy, 'run', ...config],
        cwd: folder,
        redirectsTo: 443,
        env: {
          PATH: env['PATH'] ?? '',
          HOME: home,
          XDG_DATA_HOME: home,
          XDG_CONFIG_HOME: home,
          CADDY_ADMIN: 'unix/admin.sock',
        },
        caFile: join(home, 'caddy/pki/authorities/local/root.crt'),
      };
    },
    steps: () => ['edit Caddyfile', 'caddy validate', 'caddy start'],
  };
}
