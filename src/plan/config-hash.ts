import { hashOf } from '../kit/hash.ts';
import type { Service } from '../project/types.ts';

/**
 * What a process was started with; another hash means that it is stale. Replica counts and routes do not count, and neither
 * do the folders in which programs are looked for: which there are changes with what is installed.
 */
export function configHash(service: Service): string {
  const { start, server, env, stop, health } = service;
  const command = start?.kind === 'command' ? { argv: start.argv, cwd: start.cwd } : start;
  return hashOf({
    command,
    ...(start || !server ? {} : { server }),
    env,
    stop,
    health,
    needs: [...service.dependsOn.keys()],
  });
}
