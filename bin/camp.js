#!/usr/bin/env node
// The start of every camp command. It answers by itself what needs nothing else, because every import is paid on
// every start. The syntax is old on purpose: a Node that is too old is told so instead of failing to parse.
'use strict';

const argv = process.argv.slice(2);
const version = process.versions.node.split('.').map(Number);

if (version[0] < 22 || (version[0] === 22 && version[1] < 12)) {
  process.stderr.write(`camp needs Node 22.12 or newer, this is ${process.version} (npm install -g node@24)\n`);
  process.exitCode = 4;
} else if (argv.length === 1 && ['--version', '-v', 'version'].includes(argv[0])) {
  printVersion();
} else {
  start();
}

function printVersion() {
  const fs = process.getBuiltinModule('node:fs');
  const pkg = JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  try {
    // the stream would cost more than everything else here
    fs.writeSync(1, `${pkg.version}\n`);
  } catch {
    // a closed pipe: nobody wants to know
  }
}

function start() {
  enableCompileCache();
  const isDetaching =
    argv[0] === 'up' && hasFlag('-d', '--detach') && !hasFlag('-h', '--help') && !process.env.CAMP_SUPERVISOR;
  load(isDetaching ? 'detach' : 'cli')
    .then((entry) => {
      const ending = isDetaching ? entry.detach(argv) : entry.run(argv);
      // after the first synchronous part: to open stdout takes a moment that the start of the supervisor need not wait for
      endQuietly();
      return ending;
    })
    .then((code) => {
      if (code) process.exitCode = code;
    })
    .catch((error) => {
      process.stderr.write(`${(error && error.stack) || error}\n`);
      process.exitCode = 1;
    });
}

/** The release is a bundle in dist/; a checkout without one runs from its sources. */
function load(name) {
  const fs = process.getBuiltinModule('node:fs');
  const bundled = process.getBuiltinModule('node:url').fileURLToPath(new URL(`../dist/${name}.cjs`, import.meta.url));
  if (fs.existsSync(bundled) && !process.env.CAMP_FROM_SOURCE)
    return Promise.resolve(process.getBuiltinModule('node:module').createRequire(import.meta.url)(bundled));
  return import(new URL(`../src/${name}.ts`, import.meta.url).href);
}

function hasFlag(short, long) {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).some((word) => word === short || word === long);
}

/** Node keeps compiled code in camp's cache folder; without a home there is just no cache. */
function enableCompileCache() {
  const env = process.env;
  const home = env.HOME;
  const isMac = process.platform === 'darwin';
  const base = env.XDG_CACHE_HOME || (home && `${home}/${isMac ? 'Library/Caches' : '.cache'}`);
  const folder = env.CAMP_HOME ? `${env.CAMP_HOME}/cache` : base && `${base}/camp`;
  if (!folder || env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return;
  try {
    // Node makes the folder itself, and never ends trying where none can be made (HOME=/proc)
    process.getBuiltinModule('node:fs').accessSync(existing(folder), 2);
    process.getBuiltinModule('node:module').enableCompileCache(`${folder}/node`);
  } catch {
    // a cache is never needed
  }
}

/** The folder itself, or the nearest above it that is there. */
function existing(folder) {
  const fs = process.getBuiltinModule('node:fs');
  while (folder.includes('/') && !fs.existsSync(folder)) folder = folder.slice(0, folder.lastIndexOf('/'));
  return folder || '/';
}

/**
 * A reader that has gone (`camp logs | head -1`: EPIPE), or a terminal that has (EIO), is no error. Who has something
 * to put in order first listens to the process's `stdout-closed`; else camp ends at once.
 */
function endQuietly() {
  process.stdout.on('error', (error) => {
    if (!isGone(error)) return cannotWrite(error);
    if (!process.emit('stdout-closed')) process.exit(0);
  });
  process.stderr.on('error', (error) => {
    if (!isGone(error)) cannotWrite(error);
  });
}

/** A full disk below `camp ps >file`, say: the machine's fault. */
function cannotWrite(error) {
  try {
    process
      .getBuiltinModule('node:fs')
      .writeSync(2, `camp: error WRITE_FAILED the output could not be written (${error.code})\n`);
  } catch {
    // nobody can be told
  }
  process.exit(4);
}

function isGone(error) {
  return error.code === 'EPIPE' || error.code === 'EIO';
}
