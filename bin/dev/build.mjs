// Bundles camp into dist/: nothing outside it is needed at run time. Every command and every heavy library is loaded
// when it is asked for (docs/decisions/0004-bundling-and-start-up.md).
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = join(root, 'dist');
/** Written beside and moved into place: a camp that runs meanwhile finds the old bundle or the new one. */
const fresh = `${dist}.${process.pid}`;
const most = 1_600_000;

/** What oclif imports for plugins, generators and other systems; camp never gets there. */
const unusedByOclif = ['tinyglobby', 'minimatch', 'lilconfig', 'wsl-utils', 'debug', 'supports-color', 'color-convert'];

/** Handlebars has a replacement of its own: nobody asks for maps of templates. */
const unusedByHandlebars = ['source-map'];

/**
 * What dockerode imports to build images and to speak SSH and HTTP: camp builds with Compose, refuses SSH, and carries
 * requests itself (src/runtime/docker/engine/dial.ts).
 */
const unusedByDockerode = [
  'docker-modem',
  'tar-fs',
  '@balena/dockerignore',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
];
const unused = [...unusedByOclif, ...unusedByHandlebars, ...unusedByDockerode];

/**
 * What is loaded together is one file, because each file costs every start half a millisecond: these modules and all that
 * they import statically. A module is in the first of the groups that reach it; nothing in a group needs a later one.
 */
const groups = {
  // all that `camp up -d` needs to start the one that stays
  detach: ['src/kit/clock.ts'],
  // whatever the command
  base: [
    'src/commands/bare.ts',
    'src/commands/errors.ts',
    'src/commands/index.ts',
    'src/commands/terminal.ts',
    'src/commands/up-words.ts',
    'src/kit/nearest.ts',
    'src/report/hang.ts',
    'src/report/style.ts',
    'src/report/width.ts',
    'bin/dev/unused.mjs',
  ],
  up: ['src/commands/up-run.ts', 'src/camp/up.ts', 'src/camp/supervisor.ts', 'src/runtime/watch/dockerignore.ts'],
  edge: ['src/edge/edge.ts', 'src/edge/adapt-program.ts'],
  model: ['src/project/compose/model.ts', 'src/project/powers.ts'],
  containers: [
    'src/camp/containers/edge-wish.ts',
    'src/camp/containers/unmakeable.ts',
    'src/camp/containers/wishes.ts',
    'src/edge/container-edge.ts',
    'src/runtime/docker/ahead.ts',
    'src/runtime/docker/client.ts',
    'src/runtime/docker/image-records.ts',
    'src/runtime/docker/open.ts',
  ],
};

const bundle = await rolldown({
  cwd: root,
  input: { cli: 'src/cli.ts', detach: 'src/detach.ts' },
  platform: 'node',
  external: [...builtinModules, /^node:/],
  resolve: {
    alias: {
      '@oclif/core': join(root, 'bin/dev/oclif.mjs'),
      ejs: join(root, 'bin/dev/ejs.mjs'),
      ...Object.fromEntries(unused.map((name) => [name, join(root, 'bin/dev/unused.mjs')])),
    },
  },
  transform: { target: 'node22.12' },
  onLog(level, log, handle) {
    // what is in a group is loaded with it, however it is imported
    if (log.code === 'INEFFECTIVE_DYNAMIC_IMPORT') return;
    if (level !== 'warn') return handle(level, log);
    throw new Error(log.message);
  },
});
await bundle.write({
  dir: fresh,
  // CommonJS: importing a builtin such as node:http as ESM reads all its exports, which loads undici on the spot
  format: 'cjs',
  minify: { compress: true, mangle: true, codegen: true },
  entryFileNames: '[name].cjs',
  chunkFileNames: 'chunks/[name]-[hash].cjs',
  codeSplitting: {
    groups: Object.entries(groups).map(([name, modules], at) => {
      const ids = new Set(modules.map((path) => join(root, path)));
      return { name, test: (id) => ids.has(id), priority: 9 - at };
    }),
  },
});
await bundle.close();

const { describeCommands } = await import(pathToFileURL(join(root, 'src/commands/manifest.ts')).href);
const { version } = await import(pathToFileURL(join(root, 'src/camp/version.ts')).href);
const commands = Object.fromEntries((await describeCommands()).map((command) => [command.id, command]));
writeFileSync(join(fresh, 'oclif.manifest.json'), `${JSON.stringify({ version, commands })}\n`);

if (!existsSync(join(fresh, 'cli.cjs'))) throw new Error('the bundle has no cli.cjs');
const old = `${fresh}.old`;
if (existsSync(dist)) renameSync(dist, old);
renameSync(fresh, dist);
rmSync(old, { recursive: true, force: true });

const size = readdirSync(dist, { recursive: true }).reduce(
  (sum, file) => sum + (statSync(join(dist, file)).isFile() ? statSync(join(dist, file)).size : 0),
  0,
);
console.log(`dist: ${(size / 1000).toFixed(0)} kB, ${Object.keys(commands).length} commands`);
if (size > most) throw new Error(`the bundle has ${size} bytes, more than the budget of ${most}`);
