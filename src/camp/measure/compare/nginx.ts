import { join } from 'node:path';
import { renderNginx } from '../../../edge/rivals/nginx.ts';
import { makeFolder, writeWhole } from '../../../kit/files.ts';
import { certificateCommands } from './certificate.ts';
import { findProgram, firstExisting, wordsOf } from './programs.ts';
import type { Rival } from './types.ts';

/** Folders that nginx would else make where only root may. */
const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

export async function nginxRival(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Rival> {
  const program = findProgram(['nginx'], env);
  const words = program === undefined ? '' : await wordsOf([program, '-V'], signal);
  const version = /nginx version: \S+?\/([\d.]+)/.exec(words)?.[1];
  const conf = /--conf-path=(\S+)\/nginx\.conf/.exec(words)?.[1] ?? '/etc/nginx';
  const mimeTypes = firstExisting([join(conf, 'mime.types')]) ?? '/etc/nginx/mime.types';
  return {
    server: 'nginx',
    version: version ?? null,
    ...(program === undefined ? { missing: 'nginx is not installed' } : {}),
    render(site, place) {
      const rendered = renderNginx(site, { ...place, mimeTypes, ...(version === undefined ? {} : { version }) });
      if ('refused' in rendered) return rendered;
      return { files: [{ path: 'nginx.conf', kind: 'nginx', text: rendered.text }], omitted: rendered.omitted };
    },
    install([file], _site, { folder }) {
      makeFolder(join(folder, 'tmp'), 0o700);
      const scratch = ['access_log off;', ...temporary.map((name) => `${name}_temp_path ${folder}/tmp/${name};`)];
      writeWhole(join(folder, 'nginx.conf'), file?.text ?? '', { durable: false });
      writeWhole(join(folder, 'scratch.conf'), `${scratch.join('\n')}\n`, { durable: false });
      // One line more than the file that is counted: there is no other way to name these folders to nginx.
      const served = file?.text.replace(/^http \{$/m, `http {\n\tinclude ${folder}/scratch.conf;`) ?? '';
      writeWhole(join(folder, 'served.conf'), served, { durable: false });
      // As root the workers would be another user, whom the project's files are not open to.
      const user = process.getuid?.() === 0 ? ' user root;' : '';
      const own = ['-p', `${folder}/`, '-e', 'stderr', '-c', join(folder, 'served.conf')];
      const general = `daemon off; pid ${folder}/nginx.pid;${user}`;
      return {
        check: [program ?? 'nginx', '-t', '-q', ...own, '-g', general],
        serve: [program ?? 'nginx', ...own, '-g', general],
        cwd: folder,
        env: { PATH: env['PATH'] ?? '' },
        caFile: join(folder, 'ca.crt'),
      };
    },
    steps: (site) => [
      ...certificateCommands(site).map((command) => command.join(' ')),
      'edit nginx.conf',
      'nginx -t',
      'systemctl restart nginx',
    ],
  };
}
