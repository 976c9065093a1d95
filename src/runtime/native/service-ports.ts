import { fail } from '../../kit/failure.ts';
import type { Service } from '../../project/types.ts';
import type { EnvironmentSetup } from './types.ts';

export interface ServicePorts {
  /** The port that a replica listens on, or will. */
  portOf(service: Service, index: number): number;
  /** The port that the project keeps for a replica, whatever its service says of ports. Throws NO_FREE_PORT (machine). */
  leased(service: string, index: number): number;
}

/** Which port each replica is told to listen on. */
export function servicePorts({ leases, servers }: Pick<EnvironmentSetup, 'leases' | 'servers'>): ServicePorts {
  function leased(service: string, index: number): number {
    const port = leases.lease(`${service}:${index}`);
    return port ?? fail('machine', 'NO_FREE_PORT', 'no port between 20000 and 32767 is free', { hints: ['ss -ltn'] });
  }

  return {
    leased,
    portOf(service, index) {
      if (service.env['PORT'] && !servers?.isServer(service)) return Number(service.env['PORT']);
      return leased(service.name, index);
    },
  };
}
