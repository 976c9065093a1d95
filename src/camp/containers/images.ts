import { join } from 'node:path';
import type { Hints } from '../../project/compose/hints.ts';
import { pairsOf } from '../../project/compose/model/pairs.ts';
import { parseMount } from '../../project/compose/mount.ts';
import { absolutePath, isRemoteContext } from '../../project/compose/paths.ts';
import { textOf } from '../../project/compose/scalars.ts';
import { at, itemsOf, plainOf } from '../../project/tree.ts';
import type { ComposeProject, Service } from '../../project/types.ts';
import type { BuiltImage } from '../../runtime/docker/image-records.ts';

/** What `build:` says of a service's image, and under which name it will be there. */
export function builtImage(compose: ComposeProject, { name, image, build, hints }: Service): BuiltImage | undefined {
  if (!build) return undefined;
  const written = plainOf(at(compose.tree, 'services', name, 'build'));
  const { dockerfile_inline: inline } = (typeof written === 'object' ? written : {}) as { dockerfile_inline?: string };
  const contexts = contextsOf(compose, name);
  const mountPoints = mountPointsOf(compose, name, hints?.mounts ?? []);
  return {
    service: name,
    ref: image ?? `${compose.name}-${name}`,
    build: {
      context: build.context,
      ...(build.dockerfile === undefined ? {} : { dockerfile: build.dockerfile }),
      ...(inline === undefined ? {} : { inline }),
      ...(Object.keys(contexts).length > 0 ? { contexts } : {}),
      ...(mountPoints.length > 0 ? { mountPoints } : {}),
      more: written,
    },
  };
}

/** A list or a map; folders as absolute paths, everything else as it is written. */
function contextsOf(compose: ComposeProject, service: string): Readonly<Record<string, string>> {
  const pairs = pairsOf(at(compose.tree, 'services', service, 'build', 'additional_contexts'));
  return Object.fromEntries(
    pairs.map(([name, value = '']) => [
      name,
      value === '' || isRemoteContext(value) ? value : absolutePath(compose.dir, value),
    ]),
  );
}

/** Where something is mounted inside a folder of this machine that is mounted itself: `/app/node_modules` in `.:/app`. */
function mountPointsOf(
  compose: ComposeProject,
  service: string,
  mounts: NonNullable<Hints['mounts']>,
): readonly string[] {
  const targets = itemsOf(at(compose.tree, 'services', service, 'volumes')).flatMap((mount) => {
    const text = textOf(mount);
    if (text === undefined) return textOf(at(mount, 'target')) ?? [];
    const read = parseMount(text);
    return 'why' in read ? [] : read.target;
  });
  return mounts.flatMap(({ source, target }) => {
    const inside = `${target.replace(/\/$/, '')}/`;
    return targets.flatMap((one) => (one.startsWith(inside) ? [join(source, one.slice(inside.length))] : []));
  });
}
