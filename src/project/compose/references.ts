import type { Problem } from '../../kit/failure.ts';
import { nearest } from '../../kit/nearest.ts';
import { problemAt, type Span } from '../text-file.ts';
import { at, entriesOf, itemsOf, type Tree } from '../tree.ts';
import { parseMount } from './mount.ts';
import { textOf } from './scalars.ts';

interface Reference {
  readonly kind: 'networks' | 'volumes' | 'secrets' | 'configs' | 'models';
  readonly name: string;
  readonly at: Span;
}

/** UNKNOWN_REFERENCE for each network, named volume, secret, config or model that the file does not define. */
export function checkReferences(name: string, service: Tree, root: Tree): readonly Problem[] {
  return referencesOf(service).flatMap(({ kind, name: target, at: where }) => {
    const defined = entriesOf(at(root, kind));
    if (defined.has(target) || (kind === 'networks' && target === 'default')) return [];
    const meant = nearest(target, defined.keys());
    const what = kind.slice(0, -1);
    const way = target === '' ? 'write its name' : `add "${target}:" below a top-level ${kind}:`;
    const hint = meant ? `did you mean "${meant}"?` : way;
    return [
      problemAt(where, 'UNKNOWN_REFERENCE', `service "${name}" uses ${what} "${target}", which is not defined`, hint),
    ];
  });
}

/**
 * Build contexts that are the image of another service, `service:NAME`: UNKNOWN_REFERENCE where that is not active,
 * INVALID_VALUE where it is not built.
 */
export function checkBuiltOn(services: ReadonlyMap<string, Tree>): readonly Problem[] {
  return [...services].flatMap(([name, service]) => {
    const contexts = at(service, 'build', 'additional_contexts');
    const written = [...itemsOf(contexts), ...[...entriesOf(contexts).values()].map(({ value }) => value)];
    return written.flatMap((tree) => {
      const on = /^(?:[^=]*=)?service:(.*)$/.exec(textOf(tree) ?? '')?.[1];
      if (on === undefined || at(services.get(on), 'build')) return [];
      const isThere = services.has(on);
      const why = isThere ? 'which has no build' : 'which is not active';
      const message = `service "${name}" is built on service "${on}", ${why}`;
      const meant = nearest(on, services.keys());
      const other = meant ? `did you mean "${meant}"?` : `add a service "${on}" with a build`;
      const hint = isThere ? `write docker-image:// and the image of "${on}", or give it a build` : other;
      return problemAt(tree.at, isThere ? 'INVALID_VALUE' : 'UNKNOWN_REFERENCE', message, hint);
    });
  });
}

function referencesOf(service: Tree): readonly Reference[] {
  const found: Reference[] = [];
  const networks = at(service, 'networks');
  for (const item of itemsOf(networks)) add('networks', textOf(item), item.at);
  for (const [name, { keyAt }] of entriesOf(networks)) add('networks', name, keyAt);
  for (const item of itemsOf(at(service, 'volumes'))) add('volumes', volumeName(item), item.at);
  const models = at(service, 'models');
  for (const item of itemsOf(models)) add('models', textOf(item), item.at);
  for (const [name, { keyAt }] of entriesOf(models)) add('models', name, keyAt);
  for (const item of itemsOf(at(service, 'build', 'secrets')))
    add('secrets', textOf(item.kind === 'table' ? at(item, 'source') : item) ?? '', item.at);
  for (const kind of ['secrets', 'configs'] as const)
    for (const item of itemsOf(at(service, kind)))
      add(kind, textOf(item.kind === 'table' ? at(item, 'source') : item) ?? '', item.at);
  return found;

  function add(kind: Reference['kind'], name: string | undefined, where: Span): void {
    if (name !== undefined) found.push({ kind, name, at: where });
  }
}

/** The named volume of a mount; undefined for folders, anonymous volumes and other kinds of mount. */
function volumeName(mount: Tree): string | undefined {
  if (mount.kind === 'table')
    return textOf(at(mount, 'type')) === 'volume' ? textOf(at(mount, 'source')) || undefined : undefined;
  const short = parseMount(textOf(mount) ?? '');
  return 'kind' in short && short.kind === 'volume' ? short.source : undefined;
}
