import { resolve } from 'node:path';
import { imageName } from '../images.ts';
import { at, entriesOf, isNull, itemsOf, type Tree } from '../tree.ts';
import type { ServerImage, ServerName } from '../types.ts';
import { splitWords } from '../words.ts';
import type { Context } from './context.ts';
import { pathFrom } from './paths.ts';
import { textOf } from './scalars.ts';

/** The official images alone: what others have built on them holds more than the server. */
const repositories: Readonly<Record<string, ServerName>> = {
  postgres: 'postgres',
  redis: 'redis',
  'valkey/valkey': 'redis',
  nats: 'nats',
  rabbitmq: 'rabbitmq',
};

/** Where each image keeps its data: a volume there is what `.camp/data` is without a container. */
const dataFolders: Readonly<Record<ServerName, RegExp>> = {
  postgres: /^\/var\/lib\/postgresql(?:\/|$)/,
  redis: /^\/(?:data|var\/lib\/(?:redis|valkey))\/?$/,
  nats: /^\/(?:data|tmp\/nats|nats)(?:\/|$)/,
  rabbitmq: /^\/var\/lib\/rabbitmq(?:\/|$)/,
};

/** What the first word of `command` may be, so that it is the server that runs. */
const programs: Readonly<Record<ServerName, RegExp>> = {
  postgres: /^postgres$/,
  redis: /^(?:redis|redis-server|valkey-server)$/,
  nats: /^(?:nats|nats-server)$/,
  rabbitmq: /^(?:rabbitmq|rabbitmq-server)$/,
};

const initScripts = /^\/docker-entrypoint-initdb\.d(?:\/|$)/;

/** The server that a service's image is, where camp knows one that runs without a container; with what keeps it from that. */
export function serverOf(service: Tree, root: Tree, context: Context): ServerImage | undefined {
  const image = textOf(at(service, 'image'));
  if (image === undefined || isWritten(at(service, 'provider'))) return undefined;
  const { repository, tag } = imageName(image);
  const plain = repository.replace(/^docker\.io\//, '').replace(/^library\//, '');
  const name = Object.hasOwn(repositories, plain) ? repositories[plain] : undefined;
  if (!name) return undefined;
  const major = /^v?(\d+)(?:[.-]|$)/.exec(tag)?.[1];
  const mounts = mountsOf(service, context);
  const obstacle = obstacleOf(service, name, mounts);
  return {
    name,
    isValkey: plain.startsWith('valkey'),
    ...(major === undefined ? {} : { major: Number(major) }),
    command: wordsOf(at(service, 'command')),
    initScripts: mounts.flatMap(({ source, target }) =>
      name === 'postgres' && source && initScripts.test(target) ? [source] : [],
    ),
    secrets: secretsOf(service, root, context),
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}

/** What a server of this machine could not do as the container does it; in words that go on a sentence. */
function obstacleOf(service: Tree, name: ServerName, mounts: readonly Mount[]): string | undefined {
  if (isWritten(at(service, 'build'))) return 'its image is built from a Dockerfile of its own';
  if (isWritten(at(service, 'entrypoint'))) return 'it has an entrypoint of its own';
  for (const key of ['configs', 'volumes_from', 'network_mode', 'devices'])
    if (isWritten(at(service, key))) return `it has ${key}`;
  const [program = name] = wordsOf(at(service, 'command'));
  // what begins with a flag is given to the image's own program
  if (!program.startsWith('-') && !programs[name].test(program)) return `its command is ${program}`;
  const other = mounts.find(
    ({ target }) => !dataFolders[name].test(target) && !(name === 'postgres' && initScripts.test(target)),
  );
  if (other) return `it mounts ${other.written} at ${other.target}`;
  const bound = mounts.find(({ source, target }) => source && dataFolders[name].test(target));
  return bound && `its data is the folder ${bound.written}`;
}

interface Mount {
  /** Absolute, of a folder or file of this machine; absent for a volume. */
  readonly source?: string;
  readonly target: string;
  readonly written: string;
}

function mountsOf(service: Tree, context: Context): readonly Mount[] {
  return [
    ...itemsOf(at(service, 'volumes')).map((mount): Mount => {
      const words = (textOf(mount) ?? '').split(':');
      const [written = '', target = ''] =
        mount.kind === 'table'
          ? [textOf(at(mount, 'source')), textOf(at(mount, 'target'))]
          : words.length > 1
            ? words
            : ['', words[0]];
      const isPath = /^[./~]/.test(written);
      return { target, written: written || 'a volume', ...(isPath ? { source: pathFrom(context.dir, written) } : {}) };
    }),
    ...[...itemsOf(at(service, 'tmpfs')), at(service, 'tmpfs')].flatMap((each) => {
      const target = textOf(each);
      return target === undefined ? [] : [{ target, written: 'a tmpfs' }];
    }),
  ];
}

/** What a secret of the service is on this machine, by its path in the container. */
function secretsOf(service: Tree, root: Tree, { dir }: Context): ServerImage['secrets'] {
  const found = itemsOf(at(service, 'secrets')).flatMap((item): readonly (readonly [string, string])[] => {
    const name = textOf(item.kind === 'table' ? at(item, 'source') : item) ?? '';
    const file = textOf(at(root, 'secrets', name, 'file'));
    if (file === undefined) return [];
    const target = (item.kind === 'table' ? textOf(at(item, 'target')) : undefined) ?? name;
    return [[resolve('/run/secrets', target), pathFrom(dir, file)]];
  });
  return Object.fromEntries(found);
}

function wordsOf(tree: Tree | undefined): readonly string[] {
  if (!tree || isNull(tree)) return [];
  if (tree.kind === 'list') return tree.items.map((item) => textOf(item) ?? '');
  const line = textOf(tree) ?? '';
  return splitWords(line) ?? line.split(/\s+/);
}

function isWritten(tree: Tree | undefined): boolean {
  if (!tree || isNull(tree)) return false;
  if (tree.kind === 'scalar') return textOf(tree) !== '' && tree.value !== false;
  return tree.kind === 'list' ? tree.items.length > 0 : entriesOf(tree).size > 0;
}
