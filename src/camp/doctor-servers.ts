import { loadProject } from '../project/load.ts';
import type { Service } from '../project/types.ts';
import { findEngine } from '../runtime/docker/engine/find.ts';
import { wantedMajor } from '../runtime/native/servers/servers.ts';
import type { ToolName, Wish } from '../tools/types.ts';
import { stateFolders } from './folders.ts';

/** A server's program that a project wants of the machine. */
export interface NeededServer extends Wish {
  readonly tool: ToolName;
}

/** The servers that a project runs without a container, each program once; none where its files have problems. */
export function neededServers(dir: string, env: NodeJS.ProcessEnv): readonly NeededServer[] {
  const { project } = loadProject(dir, { env });
  const hasEngine = findEngine(env) !== undefined;
  const needed = new Map<string, NeededServer>();
  for (const service of project?.services.values() ?? []) {
    if (!service.server || service.server.obstacle || (hasEngine && !service.isNative)) continue;
    const one = programOf(service, stateFolders(dir).data);
    needed.set(`${one.tool} ${one.major ?? ''}`, one);
  }
  return [...needed.values()];
}

function programOf(service: Service, data: string): NeededServer {
  const tool = service.server?.name as ToolName;
  const major = tool === 'postgres' ? wantedMajor(service, data) : undefined;
  return { tool, ...(major === undefined ? {} : { major }) };
}
