import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { authorityFiles, inspectAuthority } from '../edge/authority.ts';
import { failuresOf } from '../kit/failure.ts';
import { isWritable, type UserFolders, userFolders } from '../kit/paths.ts';
import { describeHolder, listeners } from '../kit/ports.ts';
import { connectEngine } from '../runtime/docker/engine/connect.ts';
import { said } from '../runtime/docker/engine/failures.ts';
import { findEngine } from '../runtime/docker/engine/find.ts';
import { askForCompose } from '../runtime/docker/engine/find-compose.ts';
import { toolReport } from '../tools/tool-report.ts';
import type { ToolName, Wish } from '../tools/types.ts';
import { neededServers } from './doctor-servers.ts';
import { mayBind, unprivilegedFix } from './edge-ports.ts';
import { edgeStorage } from './folders.ts';
import { trustOf } from './trust.ts';
import { version } from './version.ts';

export type Verdict = 'ok' | 'warning' | 'problem';

/** One thing that was looked at on this machine. */
export interface Finding {
  readonly subject: string;
  readonly verdict: Verdict;
  readonly message: string;
  /** The one command that fixes it. */
  readonly fix?: string;
  /** What was tried, in the order of trying. */
  readonly details?: readonly string[];
}

/** Looks at everything that camp, and the project in `dir` where there is one, need of a machine, and changes nothing. */
export async function doctor(env: NodeJS.ProcessEnv, dir?: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [
    {
      subject: 'camp',
      verdict: 'ok',
      message: `camp ${version}, node ${process.version}, ${process.platform} ${process.arch}`,
    },
  ];
  let user: UserFolders;
  try {
    user = userFolders(env);
  } catch (error) {
    const [first] = failuresOf(error);
    return [
      ...findings,
      {
        subject: 'home',
        verdict: 'problem',
        message: first?.message ?? '',
        ...(first?.hints[0] ? { fix: first.hints[0] } : {}),
      },
    ];
  }
  return [
    ...findings,
    program('caddy', {}, user, env),
    ...(dir === undefined ? [] : neededServers(dir, env)).map(({ tool, ...wish }) => program(tool, wish, user, env)),
    ...(await docker(env)),
    ...folders(user),
    authority(user),
    ...trust(env),
    ...ports(),
    await names(),
    descriptors(),
  ];
}

/** A program that camp finds or fetches; without it the next `camp up` takes longer. */
function program(name: ToolName, wish: Wish, user: UserFolders, env: NodeJS.ProcessEnv): Finding {
  const report = toolReport(name, wish, user, env);
  return {
    subject: name,
    verdict: report.isUsable ? 'ok' : 'warning',
    message: report.summary,
    details: report.attempts.map((attempt) => `${attempt.origin}: ${attempt.outcome}`),
    ...(report.fix ? { fix: report.fix } : {}),
  };
}

/** Docker is needed for containers only: what is wrong with it is no problem of the machine. */
async function docker(env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  const signal = AbortSignal.timeout(30_000);
  if (!findEngine(env))
    return [{ subject: 'docker', verdict: 'ok', message: 'no engine here: what has a command runs as a process' }];
  try {
    const engine = await connectEngine(env, signal);
    const name = engine.kind === 'podman' ? 'Podman' : 'Docker Engine';
    const message = `${name} ${engine.version}, ${said(engine.address)}`;
    return [{ subject: 'docker', verdict: 'ok', message }, await compose({ ...env, ...engine.env }, signal)];
  } catch (error) {
    return [unwell('docker', error)];
  }
}

async function compose(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Finding> {
  try {
    const { version, argv } = await askForCompose(env, signal);
    return { subject: 'compose', verdict: 'ok', message: `Docker Compose ${version}, ${argv.join(' ')}` };
  } catch (error) {
    return unwell('compose', error);
  }
}

function unwell(subject: string, error: unknown): Finding {
  const [first] = failuresOf(error);
  return {
    subject,
    verdict: 'warning',
    message: first?.message ?? '',
    details: first?.evidence ?? [],
    ...(first?.hints[0] ? { fix: first.hints[0] } : {}),
  };
}

function folders(user: UserFolders): readonly Finding[] {
  return Object.entries(user).map(([name, path]): Finding => {
    const nearest = nearestExisting(path);
    if (!isWritable(nearest))
      return {
        subject: name,
        verdict: 'problem',
        message: `${path} cannot be written`,
        fix: `CAMP_HOME=/some/folder camp up`,
      };
    const { bavail, bsize } = statfsSync(nearest);
    const freeMb = Math.floor((bavail * bsize) / 1e6);
    return freeMb < 200
      ? { subject: name, verdict: 'warning', message: `${path}: only ${freeMb} MB free`, fix: `df -h ${nearest}` }
      : { subject: name, verdict: 'ok', message: path };
  });
}

function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at)) at = join(at, '..');
  return at;
}

function authority(user: UserFolders): Finding {
  const storage = edgeStorage(user);
  const state = inspectAuthority(storage);
  switch (state.at) {
    case 'ready':
    case 'incomplete':
      return {
        subject: 'local CA',
        verdict: 'ok',
        message: `${authorityFiles(storage).root}, valid until ${state.certificate.validTo}`,
      };
    case 'absent':
      return { subject: 'local CA', verdict: 'ok', message: 'none yet: the first camp up makes it' };
    case 'unusable':
      return {
        subject: 'local CA',
        verdict: 'problem',
        message: state.failure.message,
        ...(state.failure.hints[0] ? { fix: state.failure.hints[0] } : {}),
      };
  }
}

function trust(env: NodeJS.ProcessEnv): readonly Finding[] {
  return trustOf(env).map(
    (store): Finding =>
      store.isTrusted
        ? { subject: `trust in ${store.store}`, verdict: 'ok', message: 'the local CA is trusted' }
        : { subject: `trust in ${store.store}`, verdict: 'warning', message: store.why, fix: 'camp trust' },
  );
}

function ports(): readonly Finding[] {
  const open = new Set(listeners().map((one) => one.port));
  return [443, 80].map((port): Finding => {
    if (!mayBind(port))
      return {
        subject: `port ${port}`,
        verdict: 'warning',
        message: 'only root may use it here: URLs get a port number',
        fix: unprivilegedFix,
      };
    if (open.has(port))
      return { subject: `port ${port}`, verdict: 'warning', message: `held by ${describeHolder(port)}` };
    return { subject: `port ${port}`, verdict: 'ok', message: 'free' };
  });
}

/** Browsers and curl resolve *.localhost by themselves; other programs ask the system. */
async function names(): Promise<Finding> {
  try {
    await lookup('camp.localhost');
    return { subject: '*.localhost', verdict: 'ok', message: 'this system resolves it' };
  } catch {
    return {
      subject: '*.localhost',
      verdict: 'warning',
      message:
        'browsers and curl resolve it, other programs of this system do not; services are given plain addresses instead',
      ...(process.platform === 'linux' ? { fix: 'sudo apt-get install libnss-myhostname' } : {}),
    };
  }
}

/** Soft limit of open files; each replica costs camp two pipes. */
function descriptors(): Finding {
  let limit = Number.POSITIVE_INFINITY;
  try {
    limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? limit);
  } catch {
    // not Linux: nothing to say
  }
  return limit < 1024
    ? {
        subject: 'open files',
        verdict: 'warning',
        message: `at most ${limit}: enough for about ${Math.floor((limit - 40) / 4)} replicas`,
        fix: 'ulimit -n 4096',
      }
    : { subject: 'open files', verdict: 'ok', message: Number.isFinite(limit) ? `at most ${limit}` : 'no limit known' };
}
