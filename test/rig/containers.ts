import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Cluster, type Home } from './cluster.ts';
import { type Ran, run } from './compose.ts';

/** A container as the engine lists it. */
export interface Listed {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Runs `docker` to its end; throws with its words when it fails. */
export async function docker(args: readonly string[], cwd?: string): Promise<string> {
  const { code, output } = await run('docker', args, cwd === undefined ? {} : { cwd });
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${output.slice(-3000)}`);
  return output.trim();
}

export function tryDocker(args: readonly string[], cwd?: string): Promise<Ran> {
  return run('docker', args, cwd === undefined ? {} : { cwd });
}

/** Containers with this label, whatever their state, by name. */
export async function containersWith(label: string): Promise<readonly Listed[]> {
  const ids = lines(await docker(['ps', '-aq', '--no-trunc', '--filter', `label=${label}`]));
  const seen = await Promise.all(ids.map((id) => tryDocker(['inspect', '--type', 'container', id])));
  return seen
    .flatMap(({ code, output }) => (code === 0 ? (JSON.parse(output) as readonly Inspected[]) : []))
    .map(({ Id: id, Name, State: { Status: state }, Config: { Labels: labels } }) => ({
      id,
      name: Name.slice(1),
      state,
      service: labels['com.docker.compose.service'] ?? '',
      labels,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Status: string };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
}

export async function volumesWith(label: string): Promise<readonly string[]> {
  return lines(await docker(['volume', 'ls', '-q', '--filter', `label=${label}`])).toSorted();
}

export async function networksWith(label: string): Promise<readonly string[]> {
  return lines(await docker(['network', 'ls', '--format', '{{.Name}}', '--filter', `label=${label}`])).toSorted();
}

export async function volumeExists(name: string): Promise<boolean> {
  return (await tryDocker(['volume', 'inspect', name])).code === 0;
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter(Boolean);
}

/** A project in containers. Disposing it removes its data and images, and checks that the engine has nothing of it either. */
export class ContainerCluster extends Cluster {
  /** @param files by path in the project's folder */
  constructor(home: Home, name: string, files: Readonly<Record<string, string>>) {
    super(home, name);
    mkdirSync(this.dir);
    for (const [file, text] of Object.entries(files)) this.put(file, text);
  }

  put(file: string, text: string): void {
    mkdirSync(dirname(this.path(file)), { recursive: true });
    writeFileSync(this.path(file), text);
  }

  get label(): string {
    return `dev.camp.project=${this.id}`;
  }

  containers(): Promise<readonly Listed[]> {
    return containersWith(this.label);
  }

  /** Ids of the containers of a service, or of all, in the order of their names. */
  async ids(service?: string): Promise<readonly string[]> {
    const all = await this.containers();
    return all.filter((one) => service === undefined || one.service === service).map(({ id }) => id);
  }

  compose(...args: readonly string[]): Promise<string> {
    return docker(['compose', ...args], this.dir);
  }

  /** Containers and networks, which nothing but `up` may leave behind. */
  async engineLeftovers(): Promise<readonly string[]> {
    const names = (await this.containers()).map(({ name }) => `container ${name}`);
    return [...names, ...(await networksWith(this.label)).map((name) => `network ${name}`)];
  }

  override async nothingIsLeft(context = ''): Promise<void> {
    const left = await this.engineLeftovers();
    if (left.length > 0) throw new Error(`left in the engine: ${left.join(', ')} ${context}`);
    await super.nothingIsLeft(context);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    const own = realpathSync(this.dir);
    await this.camp(['down', '--force', '--data', '--yes'], [0, 1, 2, 3, 4, 5, 6]);
    const [volumes, images] = [
      await volumesWith(this.label),
      lines(await docker(['images', '-q', '--filter', `label=com.docker.compose.project=${this.name}`])),
    ];
    for (const image of images) await tryDocker(['rmi', '-f', image]);
    await super[Symbol.asyncDispose]();
    if (volumes.length > 0) throw new Error(`volumes are left of ${own}: ${volumes.join(', ')}`);
  }
}
