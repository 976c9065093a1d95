import { hashOf } from '../kit/hash.ts';
import type { Service } from '../project/types.ts';

/** What a process was started with; another hash means that it is stale. Replica counts and routes do not count. */
export function configHash(service: Service): string {
  const { start, server, env, stop, health } = service;
  const command = start?.kind === 'command' ? { argv: start.argv, cwd: start.cwd, path: start.path } : start;
  return hashOf({
    command,
    ...(start || !server ? {} : { server }),
    env,
    stop,
    health,
    needs: [...service.dependsOn.keys()],
  });
}
