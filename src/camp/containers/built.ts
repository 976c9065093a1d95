import { loadProject } from '../../project/load.ts';
import { connectEngine } from '../../runtime/docker/engine/connect.ts';
import { builtImage } from './images.ts';

/** Images that are built for a project, or for one instance of it, alone: the next one has them from the builder's cache. */
export function builtImages(dir: string, env: NodeJS.ProcessEnv, instance?: string): readonly string[] {
  const { project } = loadProject(dir, { env, ...(instance === undefined ? {} : { instance }) });
  const compose = project?.compose;
  if (!project || !compose) return [];
  const built = [...project.services.values()].flatMap((service) => builtImage(compose, service) ?? []);
  // one that the file names is another project's too
  return built.map(({ ref }) => ref).filter((ref) => ref.startsWith(`${compose.name}-`));
}

/** What cannot be removed stays. Throws what keeps the engine from being asked. */
export async function removeImages(refs: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const { api } = await connectEngine(env, AbortSignal.timeout(10_000));
  await Promise.allSettled(refs.map((ref) => api.removeImage(ref)));
}
