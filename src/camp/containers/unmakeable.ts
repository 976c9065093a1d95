import { existsSync } from 'node:fs';
import type { Problem } from '../../kit/failure.ts';
import { absolutePath } from '../../project/compose/paths.ts';
import { textOf } from '../../project/compose/scalars.ts';
import { imageFault } from '../../project/image-reference.ts';
import { problemAt } from '../../project/text-file.ts';
import { at, itemsOf } from '../../project/tree.ts';
import type { ComposeProject, Service } from '../../project/types.ts';

/**
 * What in the files keeps an engine from making containers, and Compose says only on the way. Problems: INVALID_IMAGE,
 * FILE_MISSING.
 */
export function unmakeable(compose: ComposeProject, services: readonly Service[]): readonly Problem[] {
  return [...services.flatMap((service) => imageProblem(compose, service) ?? []), ...missingFiles(compose, services)];
}

function imageProblem(compose: ComposeProject, { name, image, build }: Service): Problem | undefined {
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

/** Files of configs and secrets: the engine mounts them. */
function missingFiles({ tree, dir }: ComposeProject, services: readonly Service[]): readonly Problem[] {
  return (['configs', 'secrets'] as const).flatMap((kind) => {
    const used = services.flatMap(({ name }) =>
      itemsOf(at(tree, 'services', name, kind)).map((item) => textOf(at(item, 'source') ?? item) ?? ''),
    );
    return [...new Set(used)].flatMap((key) => {
      const written = at(tree, kind, key, 'file');
      const file = textOf(written);
      if (!written || !file || existsSync(absolutePath(dir, file))) return [];
      const message = `the file of ${kind.slice(0, -1)} "${key}" is not there: ${file}`;
      return [problemAt(written.at, 'FILE_MISSING', message, 'make it, or correct the path')];
    });
  });
}
