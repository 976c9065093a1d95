import { at, itemsOf, type Tree } from '../tree.ts';
import { textOf } from './scalars.ts';

export function profilesOf(service: Tree | undefined): readonly string[] {
  return itemsOf(at(service, 'profiles')).flatMap((each) => textOf(each) ?? []);
}

/** Who asks for no profile asks for the empty one: `profiles: ["${SET:-}"]` is active where SET is not set. */
export function isActive(service: Tree, active: ReadonlySet<string>): boolean {
  const profiles = profilesOf(service);
  const asked = active.size === 0 ? new Set(['']) : active;
  return profiles.length === 0 || asked.has('*') || profiles.some((each) => asked.has(each));
}
