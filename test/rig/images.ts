import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { whyNoEngine } from './compose.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Why the suite `what` cannot run its containers here, which is printed; nothing when there is an engine with all the
 * images. In CI it throws instead. Throws as well when an image is not in test/images.txt, by which CI provides them.
 */
export function requireImages(what: string, images: readonly string[]): string | undefined {
  const why = whyNoEngine() ?? whyNotThere(images);
  if (why === undefined) return undefined;
  if (process.env['CI']) throw new Error(`${what}: ${why}`);
  console.warn(`skipped: ${what}: ${why}`);
  return why;
}

function whyNotThere(images: readonly string[]): string | undefined {
  const known = new Set(readFileSync(`${root}test/images.txt`, 'utf8').split('\n'));
  const unknown = images.filter((image) => !known.has(image));
  if (unknown.length > 0) throw new Error(`not in test/images.txt: ${unknown.join(', ')}`);
  const absent = images.filter(
    (image) => spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status !== 0,
  );
  if (absent.length === 0) return undefined;
  return `the engine lacks ${absent.join(', ')}, which .ci/images provides`;
}

/** What the templates build on and run, as their Dockerfiles and compose files name it. */
export function templateImages(): readonly string[] {
  const files = globSync('templates/**/{Dockerfile,compose.yaml}*', { cwd: root });
  const named = files.flatMap((file) => [...readFileSync(root + file, 'utf8').matchAll(/^(?:FROM| +image:) (\S+)/gm)]);
  return [...new Set(named.map((match) => match[1] ?? ''))];
}
