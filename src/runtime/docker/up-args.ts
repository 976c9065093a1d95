/** A service that Compose is to create containers of. */
export interface Created {
  readonly service: string;
  /** Absent: as many as the files say. */
  readonly replicas?: number;
}

/** `docker compose up` that creates what is missing, or all anew, and starts nothing. */
export function upArgs(unsorted: readonly Created[], how: '--no-recreate' | '--force-recreate'): readonly string[] {
  if (unsorted.length === 0) return [];
  const wanted = unsorted.toSorted((one, other) => (one.service < other.service ? -1 : 1));
  const scales = wanted.flatMap(({ service, replicas }) =>
    replicas === undefined ? [] : ['--scale', `${service}=${replicas}`],
  );
  const names = wanted.map(({ service }) => service);
  return ['up', '--no-start', '--no-deps', '--no-build', how, '--pull', 'missing', ...scales, ...names];
}
