import type { ComposeModel, ComposeProject } from './compose.ts';
import type { Api } from './engine/types.ts';
import { projectLabel } from './labels.ts';

export interface Networks {
  /** Keys of those that become, or are, the project's own. */
  readonly own: readonly string[];
  readonly isAnyThere: boolean;
}

/** Whose the networks of a project are; `ofEdge` are keys that the files may lack. */
export async function networksOf(
  api: Api,
  project: ComposeProject,
  model: ComposeModel,
  ofEdge: readonly string[] = [],
): Promise<Networks> {
  const networks = new Map(Object.entries(model.networks));
  for (const name of ofEdge) if (!networks.has(name)) networks.set(name, { name: `${project.name}_${name}` });
  const looked = await Promise.all(
    [...networks].flatMap(([key, { name, external }]) =>
      external ? [] : [api.inspectNetwork(name).then((existing) => ({ key, existing }))],
    ),
  );
  // another label would make Compose replace a network that is not ours to remove
  const own = looked.filter(({ existing }) => !existing || existing.labels[projectLabel] === project.id);
  return { own: own.map(({ key }) => key), isAnyThere: looked.some(({ existing }) => existing !== undefined) };
}
