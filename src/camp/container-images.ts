import { at, plainOf } from '../project/tree.ts';
import type { ComposeProject, Service } from '../project/types.ts';
import type { BuiltImage } from '../runtime/docker/image-records.ts';

/** What `build:` says of a service's image, and under which name it will be there. */
export function builtImage(compose: ComposeProject, { name, image, build }: Service): BuiltImage | undefined {
  if (!build) return undefined;
  const written = plainOf(at(compose.tree, 'services', name, 'build'));
  const { dockerfile_inline: inline, additional_contexts: contexts } = (typeof written === 'object' ? written : {}) as {
    dockerfile_inline?: string;
    additional_contexts?: Record<string, string>;
  };
  return {
    service: name,
    ref: image ?? `${compose.name}-${name}`,
    build: {
      context: build.context,
      ...(build.dockerfile === undefined ? {} : { dockerfile: build.dockerfile }),
      ...(inline === undefined ? {} : { inline }),
      ...(contexts === undefined || Array.isArray(contexts) ? {} : { contexts }),
      more: written,
    },
  };
}
