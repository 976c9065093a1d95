import { fail } from '../../../kit/failure.ts';
import { leasePort, listeners } from '../../../kit/ports.ts';

/** So many ports that nobody listens on. Throws NO_FREE_PORT (machine). */
export function freePorts(count: number, key: string): readonly number[] {
  const taken = new Set(listeners().map(({ port }) => port));
  return Array.from({ length: count }, (_, i) => {
    const port = leasePort(`${key} ${i}`, undefined, taken);
    if (port === undefined) fail('machine', 'NO_FREE_PORT', 'no port is free to compare servers on');
    taken.add(port);
    return port;
  });
}
