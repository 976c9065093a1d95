// Locks the packages that the kit, the starters and the templates for Node use, for the lockfiles that camp writes
// without installing anything: node bin/dev/kit-lock.mjs. Afterwards templates/kit-lock.json is reviewed and committed.
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const templates = join(import.meta.dirname, '..', '..', 'templates');
const registry = 'https://registry.npmjs.org/';
const dir = mkdtempSync(join(tmpdir(), 'camp-kit-lock-'));
try {
  const manifests = globSync(['kit/package.json*', 'service/*/package.json*', 'starter/**/package.json*'], {
    cwd: templates,
    exclude: (path) => path.includes('node_modules'),
  });
  const own = new Set();
  const wanted = manifests.map((path) => {
    const text = readFileSync(join(templates, path), 'utf8').replace(/\{\{(json )?[^{}]*\}\}/g, (_, json) =>
      json ? '"shop"' : 'shop',
    );
    const manifest = JSON.parse(text);
    own.add(manifest.name);
    return manifest;
  });
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: 'root', private: true, workspaces: ['packages/*'] }));
  for (const [n, manifest] of wanted.entries()) {
    const outside = (all = {}) => Object.fromEntries(Object.entries(all).filter(([name]) => !own.has(name)));
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    mkdirSync(join(dir, 'packages', String(n)), { recursive: true });
    writeFileSync(
      join(dir, 'packages', String(n), 'package.json'),
      JSON.stringify({
        name: `member-${n}`,
        version: '0.0.0',
        dependencies: outside(dependencies),
        devDependencies: outside(devDependencies),
        optionalDependencies: outside(optionalDependencies),
      }),
    );
  }
  const args = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', args, { cwd: dir, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(status ?? 1);
  const lock = JSON.parse(readFileSync(join(dir, 'package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages)
    .filter(([path, entry]) => path.includes('node_modules/') && !entry.link)
    .map(([path, entry]) => [path, resolvedAt(path, entry)]);
  writeFileSync(join(templates, 'kit-lock.json'), `${JSON.stringify(Object.fromEntries(packages), null, 2)}\n`);
  console.log(`${packages.length} packages locked in templates/kit-lock.json`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

/** The registry that everybody has, whichever one this machine asks. */
function resolvedAt(path, { version, resolved: _, ...rest }) {
  const name = rest.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  if (!rest.integrity) throw new Error(`${path} has no integrity`);
  return { version, resolved: `${registry}${name}/-/${name.split('/').at(-1)}-${version}.tgz`, ...rest };
}
