import { at, entriesOf, itemsOf, type Tree } from '../../tree.ts';
import { flagOf, textOf } from '../scalars.ts';
import type { JsonMap } from './types.ts';

/** What a service waits for: `depends_on`, and what shares a network, a namespace or volumes with it. */
export function dependencies(service: Tree): JsonMap {
  const found = new Map<string, JsonMap>();
  const dependsOn = at(service, 'depends_on');
  for (const item of itemsOf(dependsOn))
    found.set(textOf(item) ?? '', { condition: 'service_started', required: true });
  for (const [name, { value }] of entriesOf(dependsOn)) found.set(name, declared(value));
  const add = (name: string, restart: boolean) => {
    if (!found.has(name))
      found.set(name, { condition: 'service_started', ...(restart ? { restart } : {}), required: true });
  };
  for (const item of itemsOf(at(service, 'links'))) {
    const parts = (textOf(item) ?? '').split(':');
    add((parts.length === 2 ? parts[0] : textOf(item)) ?? '', true);
  }
  for (const key of ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']) {
    const text = textOf(at(service, key)) ?? '';
    if (text.startsWith('service:')) add(text.slice('service:'.length), true);
  }
  for (const item of itemsOf(at(service, 'volumes_from'))) {
    const [source = ''] = (textOf(item) ?? '').split(':');
    if (!textOf(item)?.startsWith('container:')) add(source, false);
  }
  return Object.fromEntries(found);
}

function declared(value: Tree): JsonMap {
  const restart = flagOf(at(value, 'restart'));
  return {
    condition: textOf(at(value, 'condition')) ?? 'service_started',
    ...(restart ? { restart } : {}),
    required: flagOf(at(value, 'required')) ?? true,
  };
}
