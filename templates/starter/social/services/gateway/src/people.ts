/** The people of this sample. A real one has a service for them, with passwords or passkeys. */
export const people = [
  { user: 'ada', name: 'Ada Lovelace' },
  { user: 'grace', name: 'Grace Hopper' },
  { user: 'linus', name: 'Linus Pauling' },
  { user: 'margaret', name: 'Margaret Hamilton' },
] as const satisfies readonly Person[];

export interface Person {
  readonly user: string;
  readonly name: string;
}

export const personOf = (user: unknown): Person | undefined => people.find((person) => person.user === user);
