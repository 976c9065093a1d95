import { type Failure, failure } from '../kit/failure.ts';
import { describeHolder } from '../kit/ports.ts';

export function portInUse(port: number): Failure {
  return failure('machine', 'PORT_IN_USE', `port ${port} is in use by ${describeHolder(port)}`, {
    hints: ['stop that program, or choose another port: camp up --port N'],
  });
}

export function portForbidden(port: number): Failure {
  return failure('machine', 'NO_PERMISSION', `this user may not listen on port ${port}`, {
    hints: [
      `sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
      'or choose a port from 1024 up: camp up --port N',
    ],
  });
}
