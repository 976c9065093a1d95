import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A checkout may have a neighbour that builds stand-ins for well-known base images where no registry can be
 * reached. It is used when it is there; nothing of camp needs it.
 */
const baseImages = fileURLToPath(new URL('../../../shared/tools/base-images.sh', import.meta.url));

/** Why nothing can be run in containers here; nothing when it can. */
export function whyNoEngine(): string | undefined {
  for (const args of [['info'], ['compose', 'version']]) {
    const { status, error, stderr } = spawnSync('docker', args, { encoding: 'utf8', timeout: 20_000 });
    if (status !== 0) return `docker ${args.join(' ')}: ${(error?.message ?? stderr).trim()}`;
  }
  return undefined;
}

/** The base images that a project's compose.yaml and Dockerfiles name, without the stages they name themselves. */
export function baseImagesOf(dir: string): readonly string[] {
  const services = readdirSync(join(dir, 'services')).map((name) => join(dir, 'services', name, 'Dockerfile'));
  const froms = services.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/^FROM (\S+)/gm)]);
  const images = readFileSync(join(dir, 'compose.yaml'), 'utf8').matchAll(/^ *image: (\S+)/gm);
  return [...new Set([...froms, ...images].map((match) => match[1] ?? ''))].sort();
}

/**
 * Those of the images that are neither in the engine nor to be had from a registry or the neighbour. Throws when the
 * neighbour is there and fails.
 */
export async function missingImages(images: readonly string[]): Promise<readonly string[]> {
  const missing = images.filter((image) => !hasImage(image));
  if (missing.length > 0 && existsSync(baseImages)) {
    const { code, output } = await run('bash', [baseImages, ...missing]);
    if (code !== 0) throw new Error(`the base images cannot be built: ${output}`);
  }
  const still = missing.filter((image) => !hasImage(image));
  for (const image of still) await run('docker', ['pull', '--quiet', image]);
  return still.filter((image) => !hasImage(image));
}

function hasImage(image: string): boolean {
  return spawnSync('docker', ['image', 'inspect', image], { stdio: 'ignore' }).status === 0;
}

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end, without holding up the tests beside it. */
export function run(
  file: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
