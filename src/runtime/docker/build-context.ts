import { isAbsolute, join, relative, resolve } from 'node:path';
import { makeFolder, readText, writeWhole } from '../../kit/files.ts';
import type { Service } from '../../project/types.ts';
import { dockerfilePath, ignoreFileOf } from '../watch/dockerignore.ts';

/**
 * Keeps camp's own folder, with its logs and its sockets, out of images whose context it lies in: Docker reads what a
 * build leaves out from beside the Dockerfile, so both are put into `runDir`. Returns the path of a compose file that
 * says so; undefined where no build is concerned.
 */
export function withoutState(services: readonly Service[], stateDir: string, runDir: string): string | undefined {
  const lines = services.flatMap((service) => {
    const dockerfile = copyOf(service, resolve(stateDir), resolve(runDir));
    if (dockerfile === undefined) return [];
    const path = JSON.stringify(dockerfile).replaceAll('$', '$$$$');
    return [`  ${JSON.stringify(service.name)}: {build: {dockerfile: ${path}, dockerfile_inline: !reset null}}`];
  });
  if (lines.length === 0) return undefined;
  const file = join(resolve(runDir), 'build.camp.yaml');
  writeWhole(file, `services:\n${lines.join('\n')}\n`, { mode: 0o600, durable: false });
  return file;
}

/** The copy of its Dockerfile, with the list of what is left out beside it. */
function copyOf({ name, build, hints }: Service, stateDir: string, runDir: string): string | undefined {
  if (!build || !isAbsolute(build.context)) return undefined;
  const inside = relative(build.context, stateDir);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside)) return undefined;
  const text = hints?.dockerfile ?? readText(dockerfilePath(build.context, build.dockerfile));
  if (text === undefined) return undefined;
  const ignored = ignoreFileOf(build.context, hints?.dockerfile ? undefined : build.dockerfile, readText)?.text ?? '';
  const folder = join(runDir, 'build', name);
  makeFolder(folder, 0o700);
  const copy = join(folder, 'Dockerfile');
  writeWhole(copy, text, { mode: 0o600, durable: false });
  writeWhole(`${copy}.dockerignore`, `${ignored}\n${inside}\n`, { mode: 0o600, durable: false });
  return copy;
}
