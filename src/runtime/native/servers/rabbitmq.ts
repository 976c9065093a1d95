import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Failure } from '../../../kit/failure.ts';
import { makeFolder } from '../../../kit/files.ts';
import type { ProbeAnswer } from '../../probe.ts';
import { writeConfig } from './config-file.ts';
import { damaged, diskFull } from './data.ts';
import { exchange } from './exchange.ts';
import type { Launch, Login, ServerKind, Site } from './types.ts';
import { told } from './variables.ts';

/** RabbitMQ as a process of this machine, where it is installed: Erlang and all are more than camp fetches. */
export const rabbitmq: ServerKind = {
  title: 'RabbitMQ',
  stopSignal: 'SIGTERM',
  isBoundToMajor: false,
  loginOf,
  make: async () => undefined,
  launch,
  ask: (_, address, timeoutMs) => exchange(address, 'AMQP\0\0\x09\x01', judge, timeoutMs),
  explain,
};

/** Debian's program of that name on PATH lets root and the user `rabbitmq` alone start it, and changes to the latter. */
const behindWrapper = '/usr/lib/rabbitmq/bin/rabbitmq-server';

function loginOf(site: Site): Login {
  const user = site.told(told.rabbitUser) ?? 'guest';
  return { user, password: site.told(told.rabbitPassword) ?? 'guest' };
}

async function launch(site: Site, port: number): Promise<Launch> {
  const { user = '', password = '' } = loginOf(site);
  const vhost = site.told(told.rabbitHost);
  const config = writeConfig(site, 'conf', [
    `listeners.tcp.default = 127.0.0.1:${port}`,
    'log.console = true',
    'log.file = false',
  ]);
  // rabbitmq.conf has no way to write every password
  const logins = {
    default_user: user,
    default_pass: password,
    ...(vhost === undefined ? {} : { default_vhost: vhost }),
  };
  const terms = Object.entries(logins).map(([name, value]) => `{${name}, <<${[...Buffer.from(value)].join()}>>}`);
  const advanced = writeConfig(site, 'config', [`[{rabbit, [${terms.join(', ')}]}].`]);
  const own = join(site.folder, 'home');
  makeFolder(own, 0o700);
  const steering = {
    // the cookie, which is a secret, belongs to this server
    HOME: own,
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_NODENAME: `camp-${site.service.name}@localhost`,
    // a name server of its own: it is ended with the project, and others' must not be
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(await nameServerPort(site.folder)),
  };
  const isWrapped = existsSync(behindWrapper) && /^\/usr\/s?bin\//.test(site.program.path);
  const program = isWrapped ? behindWrapper : site.program.path;
  return {
    argv: [program],
    cwd: site.folder,
    env: {
      ...site.env,
      ...site.program.env,
      ...steering,
      XDG_CACHE_HOME: join(homedir(), '.cache'),
      RABBITMQ_CONFIG_FILE: config.replace(/\.conf$/, ''),
      RABBITMQ_ADVANCED_CONFIG_FILE: advanced.replace(/\.config$/, ''),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(site.folder, 'enabled_plugins'),
      RABBITMQ_MNESIA_BASE: join(site.folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(site.folder, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(await freePort()),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    },
    // the rabbitmqctl beside it, and not one behind such a wrapper
    steering: { ...steering, PATH: `${dirname(program)}:${site.env['PATH']}` },
  };
}

/** By the folder of the data: a server that is started again finds its name server still there. */
const nameServers = new Map<string, number>();

async function nameServerPort(folder: string): Promise<number> {
  const port = nameServers.get(folder) ?? (await freePort());
  nameServers.set(folder, port);
  return port;
}

/** A port of loopback that nobody has: at a fixed distance from the server's own somebody else may listen. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Connection.Start is a method frame (1) of channel 0; a server of another version answers with its own header. */
function judge(answer: Buffer): ProbeAnswer | undefined {
  if (answer.length < 8) return undefined;
  if (answer[0] === 1) return { isReady: true, said: 'RabbitMQ begins a connection' };
  return { isReady: false, said: `it answered ${answer.subarray(0, 8).toString('latin1')}` };
}

function explain(site: Site, lines: readonly string[]): Failure | undefined {
  const full = diskFull(site, lines);
  if (full) return full;
  const wrong = lines.filter((line) =>
    /(?:schema_integrity_check_failed|incompatible_feature_flags|inconsistent_database|bad_match.*khepri)/i.test(line),
  );
  return wrong.length > 0 ? damaged(site, rabbitmq, wrong) : undefined;
}
