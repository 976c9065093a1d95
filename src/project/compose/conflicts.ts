import type { Problem } from '../../kit/failure.ts';
import { problemAt } from '../text-file.ts';
import { at, entriesOf, isNull, itemsOf, type Tree } from '../tree.ts';
import { flagOf, numberOf, textOf } from './scalars.ts';
import { byteSize } from './units.ts';

/** What Compose refuses although each key by itself is right (compose-go, checkConsistency). Problem: INVALID_VALUE. */
export function checkConflicts(name: string, service: Tree): readonly Problem[] {
  const problems: Problem[] = [];
  const complain = (tree: Tree, message: string, hint: string) =>
    problems.push(problemAt(tree.at, 'INVALID_VALUE', `service "${name}": ${message}`, hint));
  const mode = at(service, 'network_mode');
  const networks = at(service, 'networks');
  if (mode && networks && (entriesOf(networks).size > 0 || itemsOf(networks).length > 0) && textOf(mode) !== undefined)
    complain(mode, 'network_mode and networks exclude each other', 'remove one of the two');
  const own = at(service, 'container_name');
  const text = textOf(own);
  if (own && text !== undefined && !/[a-zA-Z0-9][a-zA-Z0-9_.-]+/.test(text))
    complain(own, `container_name "${text}" cannot be the name of a container`, 'use at least two letters or digits');
  if (own && text && (numberOf(at(service, 'scale')) ?? numberOf(at(service, 'deploy', 'replicas')) ?? 1) > 1)
    complain(own, 'several replicas cannot share one container_name', 'remove container_name');
  const inline = at(service, 'build', 'dockerfile_inline');
  if (inline && textOf(inline) && textOf(at(service, 'build', 'dockerfile')))
    complain(inline, 'dockerfile and dockerfile_inline exclude each other', 'remove one of the two');
  const limit = at(service, 'mem_limit');
  const other = textOf(at(service, 'deploy', 'resources', 'limits', 'memory'));
  if (limit && other !== undefined && byteSize(textOf(limit) ?? '') !== byteSize(other))
    complain(limit, `mem_limit is ${textOf(limit)}, deploy.resources.limits.memory is ${other}`, 'keep one of the two');
  return problems;
}

const origins = { secrets: ['file', 'environment'], configs: ['file', 'environment', 'content'] } as const;

/** INVALID_VALUE for each secret and config that has no origin, or more than one. */
export function checkOrigins(root: Tree): readonly Problem[] {
  return (['secrets', 'configs'] as const).flatMap((kind) =>
    [...entriesOf(at(root, kind))].flatMap(([name, { keyAt, value }]) => {
      const what = `${kind.slice(0, -1)} "${name}"`;
      const ways = origins[kind].join(', ');
      const said = origins[kind].filter((key) => at(value, key));
      if (said.length > 1)
        return problemAt(
          keyAt,
          'INVALID_VALUE',
          `${what} has more than one of ${ways}`,
          `keep ${said[0]} or ${said[1]}`,
        );
      if (said.length > 0 || at(value, 'driver') || isExternal(value)) return [];
      return problemAt(keyAt, 'INVALID_VALUE', `${what} has none of ${ways}`, `write ${name}: {file: ./${name}.txt}`);
    }),
  );
}

function isExternal(value: Tree): boolean {
  const external = at(value, 'external');
  return external !== undefined && !isNull(external) && flagOf(external) !== false;
}
