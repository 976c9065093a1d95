import { CampError, type Problem } from '../../kit/failure.ts';
import { imageFault } from '../../project/image-reference.ts';
import { problemAt } from '../../project/text-file.ts';
import { at } from '../../project/tree.ts';
import type { ComposeProject, Service } from '../../project/types.ts';

/** Throws INVALID_IMAGE (project) with each name that no engine could read: Compose itself reads none before it needs the image. */
export function refuseImageNames(compose: ComposeProject, services: readonly Service[]): void {
  const problems = services.flatMap((service) => problemOf(compose, service) ?? []);
  if (problems.length > 0) throw new CampError(problems);
}

function problemOf(compose: ComposeProject, { name, image, build }: Service): Problem | undefined {
  const written = at(compose.tree, 'services', name, image === undefined ? 'build' : 'image');
  if (!written || (image === undefined && !build)) return undefined;
  const reference = image ?? `${compose.name}-${name}`;
  const fault = imageFault(reference);
  if (!fault) return undefined;
  const { why, better } = fault;
  const message =
    image === undefined
      ? `the image that service "${name}" builds would be called "${reference}": ${why}`
      : `"${reference}" cannot be the name of an image: ${why}`;
  return problemAt(written.at, 'INVALID_IMAGE', message, better ? `image: ${better}` : 'write it as in nginx:1.27');
}
