import { at, type Tree } from '../../tree.ts';
import { parsePorts } from '../ports.ts';
import { textOf } from '../scalars.ts';
import { type Fields, filled, type Print, struct, text, whole } from './print.ts';
import type { Json, JsonMap } from './types.ts';

export const portFields: Fields = {
  name: text,
  mode: text,
  host_ip: text,
  target: whole,
  published: text,
  protocol: text,
  app_protocol: text,
};
const longPort = struct(portFields);

/** Ranges written out; of entries for the same port the last one stays. */
export const ports: Print = (tree, context) => {
  const found = new Map<string, Json>();
  for (const item of tree.kind === 'list' ? tree.items : []) {
    if (item.kind === 'table') {
      const defaults = { protocol: 'tcp', mode: 'ingress' };
      found.set(identity(item), { ...defaults, ...(longPort(item, context) as JsonMap) });
    } else for (const [key, port] of shortPorts(textOf(item) ?? '')) found.set(key, port);
  }
  return filled([...found.values()]);
};

function shortPorts(written: string): readonly (readonly [string, Json])[] {
  const all = parsePorts(written);
  if ('why' in all) return [];
  const protocol = (/\/([^/]+)$/.exec(written)?.[1] ?? 'tcp').toLowerCase();
  // one container port takes any of a range of host ports
  const anyOf = all.length === 1 ? /(?:^|:)(\d+)-(\d+):[^:]*$/.exec(written) : undefined;
  const isRange = anyOf && Number(anyOf[1]) !== Number(anyOf[2]);
  const printed = all.map(({ address, host, container }) => {
    const published = isRange ? `${Number(anyOf[1])}-${Number(anyOf[2])}` : host === undefined ? '' : String(host);
    const place = address ? { host_ip: address } : {};
    const json: JsonMap = {
      mode: 'ingress',
      ...place,
      target: container,
      ...(published ? { published } : {}),
      protocol,
    };
    return [identityOf(address ?? '0.0.0.0', published, container, protocol), json] as const;
  });
  // Compose sorts the ports of one entry as texts
  return printed.sort(([, a], [, b]) => (`${String(a['target'])}/` < `${String(b['target'])}/` ? -1 : 1));
}

function identity(item: Tree): string {
  const published = at(item, 'published');
  // Compose takes a number and the same digits in quotes for two ports
  const isNumber = published?.kind === 'scalar' && typeof published.value === 'number';
  return identityOf(
    textOf(at(item, 'host_ip')) ?? '0.0.0.0',
    `${isNumber ? '#' : ''}${textOf(published) ?? ''}`,
    Number(textOf(at(item, 'target'))),
    textOf(at(item, 'protocol')) ?? 'tcp',
  );
}

function identityOf(address: string, published: string, target: number, protocol: string): string {
  return `${address}:${published}:${target}/${protocol}`;
}
