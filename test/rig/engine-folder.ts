import { realpathSync } from 'node:fs';
import { projectId } from '../../src/kit/paths.ts';
import { type Ran, run } from './compose.ts';
import { Folder } from './folder.ts';

/** Runs `docker` against the engine that `env` names; throws with its words when it fails. */
export async function dockerOf(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> {
  const { code, output } = await tryDockerOf(env, ...args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${output.slice(-3000)}`);
  return output.trim();
}

export function tryDockerOf(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<Ran> {
  const { DOCKER_HOST } = env;
  return run('docker', args, { env: { ...process.env, ...(DOCKER_HOST ? { DOCKER_HOST } : {}) } });
}

/** A folder whose project runs in containers. Disposing it fails if the engine has anything of it left. */
export class EngineFolder extends Folder {
  /** Containers and networks of the project, by name. */
  async inEngine(): Promise<readonly string[]> {
    const filter = ['--filter', `label=dev.camp.project=${projectId(realpathSync(this.dir))}`];
    const [containers, networks] = await Promise.all([
      dockerOf(this.home.env, 'ps', '--all', '--format', '{{.Names}}', ...filter),
      dockerOf(this.home.env, 'network', 'ls', '--format', '{{.Name}}', ...filter),
    ]);
    return [...containers.split('\n'), ...networks.split('\n')].filter(Boolean);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    const left = await this.inEngine();
    if (left.length > 0) throw new Error(`left in the engine: ${left.join(', ')}`);
    const own = ['image', 'ls', '--quiet', '--filter', `label=com.docker.compose.project=${this.name}`];
    for (const image of new Set((await dockerOf(this.home.env, ...own)).split('\n').filter(Boolean)))
      await tryDockerOf(this.home.env, 'image', 'rm', '--force', image);
  }

  /** As Compose names the project. */
  get name(): string {
    return this.dir.slice(this.dir.lastIndexOf('/') + 1);
  }
}
