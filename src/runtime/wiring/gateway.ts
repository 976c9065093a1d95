import { BlockList, connect, createServer, isIP, type Server, type Socket } from 'node:net';
import type { Port } from '../../project/types.ts';
import { askedHost } from './asked-host.ts';

/** Where a process listens on this machine, and the port that it has in the words of the files. */
export interface ProcessPort {
  readonly port: Port;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** `8080` of `http://api:8080`, where a file in a container says so. */
  readonly containerPort?: Port;
  /** Further names of it. */
  readonly aliases?: readonly string[];
}

export interface GatewaySetup {
  /** What `host-gateway` means on this engine: the gateway of its network `bridge`. Unspecified and public addresses are refused. */
  readonly addresses: readonly string[];
  /** Networks whose containers may ask, `172.18.0.0/16`. */
  subnets(): readonly string[];
  /** Processes that listen now. */
  processes(): ReadonlyMap<string, ProcessPort>;
}

/** Lets containers of a local Linux engine reach processes that listen on loopback only. Docker Desktop does that itself. */
export interface Gateway {
  /**
   * Listens for what listens now, and for nothing else. A process must listen before: one that takes all addresses
   * could not have the port any more, and needs no relay.
   */
  update(): Promise<void>;
  /** `172.17.0.1:21001` */
  listening(): readonly string[];
  close(): Promise<void>;
}

/** A process by its names. */
interface Target extends ProcessPort {
  readonly names: readonly string[];
}

interface Relay {
  readonly server: Server;
  /** Several where they have one container port: then the host that is asked for decides. */
  targets: readonly Target[];
}

export function createGateway(setup: GatewaySetup): Gateway {
  const addresses = setup.addresses.filter(isOwnGround);
  const relays = new Map<string, Relay>();
  const sockets = new Set<Socket>();
  /** Addresses that are taken, by the process itself as a rule: while it restarts they must stay free for it. */
  const refused = new Set<string>();
  let isClosed = false;
  let last: Promise<void> = Promise.resolve();

  async function converge(): Promise<void> {
    const wanted = isClosed ? new Map<string, readonly Target[]>() : wantedRelays(addresses, setup.processes());
    for (const key of refused) if (!wanted.has(key)) refused.delete(key);
    for (const [key, relay] of relays) {
      const targets = wanted.get(key);
      if (targets) relay.targets = targets;
      else {
        relays.delete(key);
        relay.server.close();
      }
    }
    await Promise.all([...wanted].map(([key, targets]) => open(key, targets)));
  }

  async function open(key: string, targets: readonly Target[]): Promise<void> {
    if (relays.has(key) || refused.has(key)) return;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    const relay: Relay = { server, targets };
    server.on('connection', (client) => void accept(client, relay));
    const colon = key.lastIndexOf(':');
    if (await listens(server, key.slice(0, colon), Number(key.slice(colon + 1)))) relays.set(key, relay);
    else refused.add(key);
  }

  async function accept(client: Socket, relay: Relay): Promise<void> {
    client.on('error', () => undefined);
    sockets.add(client);
    client.on('close', () => sockets.delete(client));
    const target = isAllowed(client, setup.subnets()) ? await targetOf(client, relay) : undefined;
    if (isClosed || !target) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true, noDelay: true });
    sockets.add(server);
    server.on('close', () => sockets.delete(server));
    // a container that is killed says no goodbye
    for (const socket of [client, server]) socket.setKeepAlive(true, 30_000);
    join(client, server);
    join(server, client);
    client.resume();
  }

  return {
    update() {
      last = last.then(converge);
      return last;
    },
    listening: () => [...relays.keys()],
    async close() {
      isClosed = true;
      const servers = [...relays.values()].map(({ server }) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await last.then(converge);
      await Promise.all(servers);
    },
  };
}

/** Passes on what `from` says, its end, and its failure; `pipe` waits where `to` is slow. */
function join(from: Socket, to: Socket): void {
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => {
    if (!from.readableEnded) to.destroy();
  });
  from.pipe(to);
}

/** Loopback and private networks (RFC 1918, RFC 4193), and 100.64.0.0/10, which some engines take. */
const ownGround = new BlockList();
ownGround.addSubnet('127.0.0.0', 8, 'ipv4');
ownGround.addSubnet('10.0.0.0', 8, 'ipv4');
ownGround.addSubnet('172.16.0.0', 12, 'ipv4');
ownGround.addSubnet('192.168.0.0', 16, 'ipv4');
ownGround.addSubnet('100.64.0.0', 10, 'ipv4');
ownGround.addSubnet('fc00::', 7, 'ipv6');

function isOwnGround(address: string): boolean {
  return isIP(address) !== 0 && ownGround.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function isAllowed({ remoteAddress = '', remoteFamily }: Socket, subnets: readonly string[]): boolean {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', bits = ''] = subnet.split('/');
    const family = isIP(network);
    if (family !== 0 && /^\d{1,3}$/.test(bits)) list.addSubnet(network, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  }
  return list.check(remoteAddress, remoteFamily === 'IPv6' ? 'ipv6' : 'ipv4');
}

/** One name leads to all processes, the gateway's address: where a port is not enough, the request says whom it means. */
async function targetOf(client: Socket, { targets }: Relay): Promise<Target | undefined> {
  if (targets.length <= 1) return targets[0];
  const host = await askedHost(client);
  return targets.find(({ names }) => host !== undefined && names.includes(host));
}

/** Each process on its own port, and on its container port where no process listens itself. */
function wantedRelays(
  addresses: readonly string[],
  processes: ReadonlyMap<string, ProcessPort>,
): Map<string, readonly Target[]> {
  const all = [...processes].map(
    ([name, one]): Target => ({ ...one, names: [name, ...(one.aliases ?? [])].map((each) => each.toLowerCase()) }),
  );
  const byPort = new Map<Port, readonly Target[]>(all.map((one) => [one.port, [one]]));
  for (const { containerPort } of all) {
    if (containerPort === undefined || byPort.has(containerPort)) continue;
    byPort.set(
      containerPort,
      all.filter((one) => one.containerPort === containerPort),
    );
  }
  return new Map(
    addresses.flatMap((address) => [...byPort].map(([port, targets]) => [`${address}:${port}`, targets] as const)),
  );
}

function listens(server: Server, host: string, port: Port): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => {
      server.removeAllListeners('error');
      // what an accept fails with is the peer's affair
      server.on('error', () => undefined);
      resolve(true);
    });
  });
}
