import { connectEngine } from '../../runtime/docker/engine/connect.ts';
import { composeLabels, isOneOff, numberOf, projectLabel } from '../../runtime/docker/labels.ts';

/** Running containers of a service, `<container id>:<pid>`: one that was started again is another. */
export async function containerReplicas(
  env: NodeJS.ProcessEnv,
  projectId: string,
  service: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { api } = await connectEngine(env, signal);
  const labels = [`${projectLabel}=${projectId}`, `${composeLabels.service}=${service}`];
  const found = (await api.listContainers(labels, { signal })).filter(
    (one) => one.status === 'running' && !isOneOff(one),
  );
  const sorted = found.toSorted((one, other) => numberOf(one) - numberOf(other));
  const details = await Promise.all(sorted.map(({ id }) => api.inspectContainer(id, { signal })));
  return details.flatMap((one) => (one && one.pid > 0 ? [`${one.id}:${one.pid}`] : []));
}

/** SIGKILL to one of them. */
export async function killContainer(env: NodeJS.ProcessEnv, replica: string, signal: AbortSignal): Promise<void> {
  const { api } = await connectEngine(env, signal);
  await api.killContainer(replica.split(':')[0] ?? '', 'SIGKILL', { signal });
}

/** Whether the very process that was seen still runs. */
export async function isContainerAlive(env: NodeJS.ProcessEnv, replica: string, signal: AbortSignal): Promise<boolean> {
  const { api } = await connectEngine(env, signal);
  const [id = '', pid] = replica.split(':');
  return (await api.inspectContainer(id, { signal }))?.pid === Number(pid);
}
