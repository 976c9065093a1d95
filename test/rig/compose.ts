import { spawn, spawnSync } from 'node:child_process';

/** Why nothing can be run in containers here; nothing when it can. */
export function whyNoEngine(): string | undefined {
  for (const args of [['info'], ['compose', 'version']]) {
    const { status, error, stderr } = spawnSync('docker', args, { encoding: 'utf8', timeout: 20_000 });
    if (status !== 0) return `docker ${args.join(' ')}: ${(error?.message ?? stderr).trim()}`;
  }
  return undefined;
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
