import { isAbsolute, relative } from 'node:path';
import { flagOf, textOf } from './compose/scalars.ts';
import { at, itemsOf } from './tree.ts';
import type { ComposeProject, Service } from './types.ts';

const engineSocket = /\/(?:docker|podman|containerd)\.sock$/;
const hostSpaces = ['pid', 'ipc', 'network_mode', 'userns_mode', 'uts', 'cgroup'] as const;
/** Capabilities that are as good as the machine itself (capabilities(7)). */
const strongCapabilities = /^(?:CAP_)?(?:ALL|SYS_ADMIN|SYS_MODULE|SYS_PTRACE|SYS_RAWIO|DAC_READ_SEARCH)$/i;

/** What a service may do to this machine beyond a container of its own, in words; to be shown before it is first started. */
export function powersOf(compose: ComposeProject, { name, hints }: Service): readonly string[] {
  const tree = at(compose.tree, 'services', name);
  const words = (key: string): readonly string[] => itemsOf(at(tree, key)).flatMap((each) => textOf(each) ?? []);
  const sources = [...new Set((hints?.mounts ?? []).map(({ source }) => source))];
  const sockets = sources.filter((source) => engineSocket.test(source));
  const outside = sources.filter((source) => !sockets.includes(source) && isOutside(compose.dir, source));
  return [
    ...(flagOf(at(tree, 'privileged')) ? ['is privileged'] : []),
    ...sockets.map((socket) => `commands the engine by ${socket}`),
    ...hostSpaces.flatMap((key) => (textOf(at(tree, key)) === 'host' ? [`has this machine's ${key}`] : [])),
    ...words('cap_add').flatMap((one) => (strongCapabilities.test(one) ? [`has the capability ${one}`] : [])),
    ...words('devices').map((one) => `has the device ${one.split(':')[0]}`),
    ...(outside.length > 0 ? [`sees ${outside.join(', ')}`] : []),
  ];
}

function isOutside(dir: string, source: string): boolean {
  const way = relative(dir, source);
  return way === '..' || way.startsWith('../') || isAbsolute(way);
}
