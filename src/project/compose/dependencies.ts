import type { Problem } from '../../kit/failure.ts';
import { nearest } from '../../kit/nearest.ts';
import { problemAt, type Span } from '../text-file.ts';
import { at, entriesOf, itemsOf, type Tree } from '../tree.ts';
import type { Condition } from '../types.ts';
import { flagOf, textOf } from './scalars.ts';

export interface Dependency {
  readonly on: string;
  readonly condition: Condition;
  readonly isRequired: boolean;
  /** `restart: true`: restarting it by a command restarts the service too. */
  readonly isRestarting: boolean;
  readonly at: Span;
}

const conditions: ReadonlySet<string> = new Set<Condition>([
  'service_started',
  'service_healthy',
  'service_completed_successfully',
]);

/** What a service waits for: `depends_on`, and, as in Compose, what shares a network, namespace, volume or link with it. */
export function dependenciesOf(service: Tree): readonly Dependency[] {
  const found = new Map<string, Dependency>();
  const add = (
    on: string | undefined,
    where: Span,
    condition: string | undefined,
    isRestarting: boolean,
    isRequired = true,
  ) => {
    if (on !== undefined && !found.has(on))
      found.set(on, {
        on,
        condition: conditions.has(condition ?? '') ? (condition as Condition) : 'service_started',
        isRequired,
        isRestarting,
        at: where,
      });
  };
  const dependsOn = at(service, 'depends_on');
  for (const item of itemsOf(dependsOn)) add(textOf(item), item.at, undefined, false);
  for (const [name, { keyAt, value }] of entriesOf(dependsOn))
    add(
      name,
      keyAt,
      textOf(at(value, 'condition')),
      flagOf(at(value, 'restart')) === true,
      flagOf(at(value, 'required')) !== false,
    );
  for (const item of itemsOf(at(service, 'links'))) add(textOf(item)?.split(':')[0], item.at, undefined, true);
  for (const item of itemsOf(at(service, 'volumes_from'))) {
    const [source] = (textOf(item) ?? '').split(':');
    if (source !== 'container') add(source, item.at, undefined, false);
  }
  for (const key of ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']) {
    const tree = at(service, key);
    const text = textOf(tree);
    if (tree && text?.startsWith('service:')) add(text.slice('service:'.length), tree.at, undefined, true);
  }
  return [...found.values()];
}

export interface Node {
  readonly dependencies: readonly Dependency[];
  readonly isActive: boolean;
  readonly profiles: readonly string[];
}

/** Problems of the graph: UNKNOWN_DEPENDENCY, INACTIVE_DEPENDENCY, SELF_DEPENDENCY, DEPENDENCY_CYCLE. */
export function checkDependencies(services: ReadonlyMap<string, Node>): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [name, { dependencies, isActive }] of services) {
    if (!isActive) continue;
    for (const { on, at: where, isRequired } of dependencies) {
      const target = services.get(on);
      if (on === name)
        problems.push(
          problemAt(where, 'SELF_DEPENDENCY', `service "${name}" depends on itself`, `remove "${on}" here`),
        );
      else if (!target) problems.push(unknown(name, on, where, services));
      else if (!target.isActive && isRequired)
        problems.push(
          problemAt(
            where,
            'INACTIVE_DEPENDENCY',
            `service "${name}" depends on "${on}", whose profile ${target.profiles.join(' or ')} is not active`,
            `COMPOSE_PROFILES=${target.profiles[0]} camp up`,
          ),
        );
    }
  }
  return [...problems, ...cycles(new Map([...services].filter(([, { isActive }]) => isActive)))];
}

function unknown(name: string, on: string, where: Span, services: ReadonlyMap<string, Node>): Problem {
  const meant = nearest(
    on,
    [...services.keys()].filter((each) => each !== name),
  );
  return problemAt(
    where,
    'UNKNOWN_DEPENDENCY',
    `service "${name}" depends on "${on}", which is not defined`,
    on === '' ? 'set the variable in it, or remove it' : meant ? `did you mean "${meant}"?` : `camp add service ${on}`,
  );
}

/** Each circle once, by a walk in depth; a loop, so that a chain of thousands does not fill the stack. */
function cycles(services: ReadonlyMap<string, Node>): readonly Problem[] {
  const problems: Problem[] = [];
  const done = new Set<string>();
  for (const root of services.keys()) {
    const path: { readonly name: string; next: number }[] = [];
    const onPath = new Set<string>();
    const enter = (name: string) => {
      path.push({ name, next: 0 });
      onPath.add(name);
    };
    if (!done.has(root)) enter(root);
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const dependency = services.get(top.name)?.dependencies[top.next++];
      if (!dependency) {
        done.add(top.name);
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(dependency.on)) {
        if (dependency.on !== top.name)
          problems.push(
            cycle(
              path.map(({ name }) => name),
              dependency,
            ),
          );
      } else if (services.has(dependency.on) && !done.has(dependency.on)) enter(dependency.on);
    }
  }
  return problems;
}

function cycle(path: readonly string[], { on, at: where }: Dependency): Problem {
  const circle = [...path.slice(path.indexOf(on)), on];
  const shown = circle.length > 8 ? [...circle.slice(0, 4), '...', ...circle.slice(-3)] : circle;
  return problemAt(
    where,
    'DEPENDENCY_CYCLE',
    `services wait for each other in a circle: ${shown.join(' → ')}`,
    `remove "${on}" from the depends_on of "${path.at(-1)}"`,
  );
}
