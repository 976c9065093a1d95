import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { trustEnv } from '../edge/ca.ts';
import type { Event, Ms } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import { projectId, userFolders } from '../kit/paths.ts';
import { leasePort, listeners } from '../kit/ports.ts';
import { projectMarker, replicaMarker } from '../kit/process.ts';
import { type Suite, suitesOf } from '../project/suites.ts';
import type { Project } from '../project/types.ts';
import type { SuiteReport, TestReport, UpReport } from '../report/types.ts';
import { edgeStorage, makeStateFolders, stateFolders } from './folders.ts';
import { clearTestInstance, refuseTester, testerOf, testInstance } from './instance.ts';
import { refuseUnknownServices } from './known-services.ts';
import { type LookRequest, readChecked } from './look.ts';
import { selectionOf } from './selection.ts';
import { refuseShared } from './shared-things.ts';
import { runSuite } from './test-run.ts';
import { type Session, up } from './up.ts';

export interface TestRequest extends LookRequest {
  /** Only the tests of these, with them and what they need running. */
  readonly only?: readonly string[];
  /** Until the cluster must be ready. */
  readonly readyMs: Ms;
  /** What one suite may take. */
  readonly suiteMs: Ms;
  /** `--keep`: the cluster goes on running after the tests, until the command is interrupted. */
  readonly isKept: boolean;
  onEvent(event: Event): void;
  onUp(report: UpReport): void;
  onSuite(report: SuiteReport): void;
  /** Told when all tests have run, where the cluster is kept. */
  onKept(report: UpReport): void;
  readonly signal: AbortSignal;
  /** The second Ctrl-C: no more grace. */
  readonly force: AbortSignal;
}

/**
 * Runs each service's own tests, then those of the system, against a cluster of their own: an instance of the project on
 * other ports with fresh data, which is removed afterwards whatever happens. Throws NO_TESTS, LOCKED, NOT_ISOLATED, and what
 * keeps the cluster from coming up.
 */
export async function test(request: TestRequest): Promise<TestReport> {
  process.chdir(request.dir);
  const asInstance = { ...request, instance: testInstance };
  const { project } = await readChecked(asInstance);
  refuseUnknownServices(project, request.only);
  refuseShared(project);
  const { suites, untested } = suitesOf(project, request.only, request.env);
  if (suites.length === 0) noTests(request.only);
  const tester = testerOf(request.dir);
  if (tester) refuseTester(tester);
  await clearTestInstance(request);
  makeStateFolders(stateFolders(request.dir)); // with the .gitignore that counts for the instance too
  const reports: SuiteReport[] = untested.map((name) => ({ name, kind: 'service', status: 'none', ms: 0 }));
  let session: Session | undefined;
  try {
    const outcome = await up({
      ...selectionOf(asInstance),
      dir: request.dir,
      env: request.env,
      ...(request.only ? { only: request.only } : {}),
      timeoutMs: request.readyMs,
      port: freePort(project),
      isWatching: false,
      onEvent: request.onEvent,
      signal: request.signal,
    });
    if (outcome.kind === 'attached') refuseTester({ pid: outcome.pid, startTime: '', purpose: '' });
    session = outcome.session;
    request.onUp(outcome.report);
    for (const report of reports) request.onSuite(report);
    for (const suite of suitesOf(project, request.only, request.env).suites)
      reports.push(await tested(suite, request, outcome.session, outcome.report));
    if (request.isKept) await kept(request, outcome.report);
    return reportOf(reports);
  } finally {
    await end(request, session, reports);
  }
}

async function tested(suite: Suite, request: TestRequest, session: Session, cluster: UpReport): Promise<SuiteReport> {
  const { supervisor } = session;
  const report = await runSuite({
    suite,
    env: environmentOf(suite, request, session, cluster),
    supervisor,
    timeoutMs: request.suiteMs,
    signal: request.signal,
    force: request.force,
  });
  request.onSuite(report);
  return report;
}

/** A service's tests get what `camp run` gives, those of the system what a person's shell has; both where the cluster is. */
function environmentOf(
  { name, kind }: Suite,
  request: TestRequest,
  { supervisor }: Session,
  { domain, edge }: UpReport,
): Record<string, string> {
  const inherited = Object.entries(request.env).filter((one): one is [string, string] => one[1] !== undefined);
  const own =
    kind === 'service'
      ? supervisor.environmentOf(name)
      : { ...Object.fromEntries(inherited), ...trustEnv(edgeStorage(userFolders(request.env)), request.env) };
  const env = { ...own };
  return {
    ...env,
    ...(edge ? { CAMP_URL: `https://${domain}:${edge.https}`, CAMP_EDGE: `127.0.0.1:${edge.https}` } : {}),
    CAMP_DOMAIN: domain,
    NODE_OPTIONS: [env['NODE_OPTIONS'], localhostPreload].filter(Boolean).join(' '),
    // what a killed camp leaves of them is found by these
    [projectMarker]: projectId(request.dir, testInstance),
    [replicaMarker]: `test:${name}`,
  };
}

/** `*.localhost` is loopback (RFC 6761 6.3), but many a system's resolver does not know it, and Node asks that one. */
const patch = `import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
const isLocal = (name) => /(^|\\.)localhost\\.?$/i.test(String(name));
const { lookup } = dns;
dns.lookup = (name, options, done) => lookup(isLocal(name) ? '127.0.0.1' : name, options, done);
const ask = dns.promises.lookup;
dns.promises.lookup = (name, options) => ask(isLocal(name) ? '127.0.0.1' : name, options);
syncBuiltinESMExports();`;

/** As a data: URL, because a path may hold blanks, and NODE_OPTIONS is split at them. */
const localhostPreload = `--import=data:text/javascript,${encodeURIComponent(patch).replaceAll("'", '%27')}`;

/** Not one that the project itself has or would take. */
function freePort({ id }: Project): number {
  const taken = new Set(listeners().map((one) => one.port));
  return (
    leasePort(`${id} edge:https`, undefined, taken) ??
    fail('machine', 'NO_FREE_PORT', 'no port between 20000 and 32767 is free', { hints: ['ss -ltn'] })
  );
}

function kept({ signal, onKept }: TestRequest, report: UpReport): Promise<void> {
  onKept(report);
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Stops the cluster and removes all of it; what its services have written is kept where something failed. */
async function end(request: TestRequest, session: Session | undefined, reports: readonly SuiteReport[]): Promise<void> {
  if (session) {
    const force = (): void => void session.stop(true);
    if (request.force.aborted) force();
    else request.force.addEventListener('abort', force, { once: true });
    await session.stop(false);
    await session.ended;
  }
  const own = stateFolders(request.dir);
  const { logs } = stateFolders(request.dir, testInstance);
  const keptLogs = join(own.state, 'test-logs');
  if (session || existsSync(logs)) rmSync(keptLogs, { recursive: true, force: true });
  if (session && reports.some((one) => one.status === 'failed') && existsSync(logs))
    cpSync(logs, keptLogs, { recursive: true });
  await clearTestInstance(request);
}

function reportOf(suites: readonly SuiteReport[]): TestReport {
  const count = (status: SuiteReport['status']): number => suites.filter((one) => one.status === status).length;
  return { passed: count('passed'), failed: count('failed'), suites };
}

function noTests(only: readonly string[] | undefined): never {
  return fail('usage', 'NO_TESTS', `there are no tests ${only ? `of ${only.join(', ')}` : 'in this project'}`, {
    hints: ['write some: test/*.test.ts beside package.json, tests/test_*.py, *_test.go'],
  });
}
