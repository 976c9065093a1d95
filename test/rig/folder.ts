import { spawnSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { projectId } from '../../src/kit/paths.ts';
import { type MarkedProcess, markedProcesses } from '../../src/kit/process.ts';
import type { ErrorJson } from '../../src/report/json.ts';
import type { UpReport } from '../../src/report/types.ts';
import { type Answer, ask } from './client.ts';
import type { Home } from './cluster.ts';
import { type Trial, type TrialOptions, trial, writeFiles } from './trial.ts';

/** A service that answers with its folder. */
export const server = `const { createServer } = require('node:http');
createServer((_, response) => response.end('hello from ' + process.cwd())).listen(process.env.PORT, '127.0.0.1');
`;

/** The smallest project that answers. */
export const small: Readonly<Record<string, string>> = {
  'compose.yaml':
    'name: small\nx-camp: native\nservices:\n  api:\n    build: ./api\n    x-camp: { run: node main.cjs }\n',
  Caddyfile: '{$CAMP_DOMAIN:small.localhost} {\n\treverse_proxy api:8080\n}\n',
  'api/main.cjs': server,
};

export interface UpTrial extends Trial {
  readonly report: UpReport;
}

/** A folder with any files, and camp commands in it. Disposing it ends what runs there and fails if something is left. */
export class Folder implements AsyncDisposable {
  readonly dir: string;
  readonly home: Home;

  constructor(home: Home, name: string, files: Readonly<Record<string, string>> = small) {
    this.home = home;
    this.dir = join(home.dir, name);
    mkdirSync(this.dir, { recursive: true });
    writeFiles(this.dir, files);
  }

  camp(args: readonly string[], options: Partial<TrialOptions> = {}): Promise<Trial> {
    return trial(args, { cwd: this.dir, ...options, env: { ...this.home.env, ...options.env } });
  }

  /** `up -d --json`, which must succeed. */
  async up(options: Partial<TrialOptions> = {}, ...args: readonly string[]): Promise<UpTrial> {
    const one = await this.camp(['up', '-d', '--json', ...args], options);
    if (one.code !== 0) throw new Error(`up ended with ${one.code}: ${one.stdout}${one.stderr}`);
    return { ...one, report: JSON.parse(one.stdout) as UpReport };
  }

  /** `up -d --json`, which must fail; the errors it gives. */
  async fails(
    options: Partial<TrialOptions> = {},
    ...args: readonly string[]
  ): Promise<Trial & { readonly errors: ErrorJson['errors'] }> {
    const one = await this.camp(['up', '-d', '--json', ...args], options);
    if (one.code === 0) throw new Error(`up came up: ${one.stdout}`);
    return { ...one, errors: (JSON.parse(one.stdout) as ErrorJson).errors };
  }

  /** GET of a URL that `up` reported, verified against the CA that it reported. */
  get({ edge, urls }: UpReport, url = urls[0] ?? ''): Promise<Answer> {
    const { hostname, pathname } = new URL(url);
    return ask({ port: edge?.https ?? 0, host: hostname, path: pathname, caFile: edge?.caFile ?? '' });
  }

  processes(): readonly MarkedProcess[] {
    return markedProcesses(projectId(realpathSync(this.dir)));
  }

  async down(options: Partial<TrialOptions> = {}): Promise<void> {
    const { code, stdout, stderr } = await this.camp(['down', '--force'], options);
    const left = this.processes();
    if (code !== 0 || left.length > 0)
      throw new Error(`down ended with ${code}, ${left.length} processes are left: ${stdout}${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }
}

/** Whether a command succeeds here; where it does not, the tests that need it are skipped and say so. */
export function can(what: string, argv: readonly string[]): boolean {
  const { status, stderr, error } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
  if (status === 0) return true;
  console.warn(`skipped: this machine cannot ${what}: ${(error?.message ?? stderr).trim()}`);
  return false;
}
