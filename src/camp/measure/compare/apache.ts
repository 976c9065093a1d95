import { join } from 'node:path';
import { renderApache } from '../../../edge/rivals/apache.ts';
import { makeFolder, writeWhole } from '../../../kit/files.ts';
import { runCommand } from '../../../kit/spawn.ts';
import { certificateCommands } from './certificate.ts';
import { findProgram, firstExisting, wordsOf } from './programs.ts';
import type { Rival } from './types.ts';

/** Where distributions keep the modules. */
const moduleFolders = [
  '/usr/lib/apache2/modules',
  '/usr/lib64/httpd/modules',
  '/usr/lib/httpd/modules',
  '/usr/lib64/apache2',
  '/usr/libexec/apache2',
  '/usr/local/apache2/modules',
  '/opt/homebrew/lib/httpd/modules',
];

const mimeTables = ['/etc/mime.types', '/etc/apache2/mime.types', '/etc/httpd/conf/mime.types'];

export async function apacheRival(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Rival> {
  const program = findProgram(['apache2', 'httpd'], env);
  const words = program === undefined ? '' : await wordsOf([program, '-v'], signal);
  const version = /Apache\/([\d.]+)/.exec(words)?.[1];
  const builtIn = program === undefined ? '' : await wordsOf([program, '-l'], signal);
  const modules = firstExisting(moduleFolders);
  const input = {
    modules: modules ?? '/usr/lib/apache2/modules',
    builtIn: new Set(builtIn.split('\n').map((line) => line.trim())),
    mimeTypes: firstExisting(mimeTables) ?? '/etc/mime.types',
  };
  const missing =
    program === undefined
      ? 'Apache is not installed'
      : modules === undefined
        ? 'the modules of Apache are in none of the usual folders'
        : undefined;
  const nobody = await asNobody(env, signal);
  return {
    server: 'apache',
    version: version ?? null,
    ...(missing === undefined ? {} : { missing }),
    ...(nobody === undefined ? { obstacle: 'Apache does not serve as root, and there is no other user here' } : {}),
    render(site, place) {
      const rendered = renderApache(site, { ...place, ...input });
      if ('refused' in rendered) return rendered;
      return { files: [{ path: 'httpd.conf', kind: 'apache', text: rendered.text }], omitted: rendered.omitted };
    },
    install([file], _site, { folder }) {
      makeFolder(join(folder, 'run'), 0o700);
      writeWhole(join(folder, 'httpd.conf'), file?.text ?? '', { durable: false });
      // Said on the command line, so that the file is the very one that is counted.
      const own = [
        `ServerRoot "${folder}"`,
        `DefaultRuntimeDir "${folder}/run"`,
        `PidFile "${folder}/run/httpd.pid"`,
        `ErrorLog "${folder}/run/error.log"`,
        'ServerName localhost',
      ].flatMap((directive) => ['-C', directive]);
      const argv = [...(nobody ?? []), program ?? 'apache2', '-f', join(folder, 'httpd.conf'), ...own];
      return {
        check: [...argv, '-t'],
        serve: [...argv, '-DFOREGROUND'],
        cwd: folder,
        env: { PATH: env['PATH'] ?? '' },
        caFile: join(folder, 'ca.crt'),
      };
    },
    steps: (site) => [
      ...certificateCommands(site).map((command) => command.join(' ')),
      'edit httpd.conf',
      'apachectl -t',
      'systemctl restart apache2',
    ],
  };
}

/**
 * Apache does not serve as root, and as anybody else could not read the files of a project that is root's. In a user
 * namespace of its own it is somebody else to itself and still the owner of those files (user_namespaces(7)).
 */
async function asNobody(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<readonly string[] | undefined> {
  if (process.getuid?.() !== 0) return [];
  const unshare = findProgram(['unshare'], env);
  if (unshare === undefined) return undefined;
  const argv = [unshare, '--user', '--map-user=65534', '--map-group=65534'];
  const { exitCode } = await runCommand([...argv, 'true'], { timeoutMs: 5000, signal });
  signal.throwIfAborted();
  return exitCode === 0 ? argv : undefined;
}
