import { failure, type Problem } from '../kit/failure.ts';
import { isRecord } from '../project/edit/compose-document.ts';
import { dependenciesOf, variablesOf } from '../project/edit/compose-wiring.ts';
import { type BackingKind, backingKindOf, backings } from './backing.ts';

type Services = Readonly<Record<string, unknown>>;

/** How a service is to use a backing service: the variable, its value, and what it waits for. */
export interface BackingUse {
  readonly kind: BackingKind;
  readonly on: string;
  readonly variable: string;
  readonly value: string;
  readonly condition: 'service_started' | 'service_healthy';
}

/**
 * How services may use the backing service `on`. DATABASE_SHARED where a database would belong to more than one,
 * ADDRESS_UNKNOWN where its lines do not tell how it is reached.
 */
export function useOf(
  services: Services,
  kind: BackingKind,
  on: string,
  users: readonly string[],
): { readonly use: BackingUse } | { readonly problem: Problem } {
  const owners = kind === 'postgres' ? ownersOf(services, on).filter((owner) => !users.includes(owner)) : [];
  if (owners.length > 0 && users.length > 0) return { problem: shared(on, owners, users) };
  const { variable, condition, address } = backings[kind];
  const entry = services[on];
  const value = isRecord(entry) ? address(on, entry) : undefined;
  if (value !== undefined)
    return { use: { kind, on, variable, value, condition: hasHealth(entry) ? condition : 'service_started' } };
  const message = `how to log in to ${on} is not in its lines, so camp cannot make a ${variable}`;
  return {
    problem: failure('project', 'ADDRESS_UNKNOWN', message, {
      hints: [`write ${variable} into the environment of ${users.join(', ')}, and ${on} into its depends_on`],
    }) as Problem,
  };
}

/** A database belongs to the service that has its address, or waits for it. */
function ownersOf(services: Services, database: string): readonly string[] {
  const address = new RegExp(`(?:^|[/@])${database}(?:[:/?]|$)`);
  return Object.entries(services).flatMap(([name, entry]) => {
    if (name === database || !isRecord(entry) || backingKindOf(entry)) return [];
    const isNamed = [...variablesOf(entry).values()].some((value) => value !== null && address.test(value));
    return isNamed || dependenciesOf(entry).includes(database) ? [name] : [];
  });
}

/** One database, several services: refused, with the commands that give each its own. */
export function shared(database: string, owners: readonly string[], users: readonly string[]): Problem {
  const message =
    owners.length > 0
      ? `${database} belongs to ${owners.join(', ')}: a service reads nobody else's database`
      : `${database} would belong to ${users.join(' and ')}: a service reads nobody else's database`;
  return failure('usage', 'DATABASE_SHARED', message, {
    hints: users.map((user) => `camp add postgres --for ${user}`),
  }) as Problem;
}

function hasHealth(entry: unknown): boolean {
  return isRecord(entry) && isRecord(entry['healthcheck']);
}
