import { setTimeout as delay } from 'node:timers/promises';
import type { Rule, Site } from '../../../edge/rivals/types.ts';
import type { Ms } from '../../../kit/events.ts';
import { type Answer, ask, type Question, type Where } from './ask.ts';
import { type Echoed, type Echoes, toHide } from './echo.ts';
import { deeper, nameOf, type RouteQuestion, routeQuestions } from './questions.ts';
import { http2Problem, oldTlsProblem, webSocketProblem } from './sockets.ts';

export interface Probe {
  readonly name: string;
  readonly isPassed: boolean;
  readonly detail: string;
}

/** What the edge of the project answers to each route, for the others to be held against. */
export type Reference = ReadonlyMap<string, Answer>;

export async function referenceOf(site: Site, edge: Where, signal: AbortSignal): Promise<Reference> {
  const found = new Map<string, Answer>();
  for (const question of routeQuestions(site)) {
    const one = await untilAnswered(edge, question, signal);
    const other = await ask(edge, question, signal);
    if (typeof one === 'string' || typeof other === 'string') continue;
    // a body that is never twice the same says nothing about another server
    found.set(question.name, one.body === other.body ? one : { ...one, body: '' });
  }
  return found;
}

const mostWaitMs: Ms = 5000;

/** A certificate may still be on its way, where the edge has just been started. */
async function untilAnswered(where: Where, question: Question, signal: AbortSignal): Promise<Answer | string> {
  const deadline = performance.now() + mostWaitMs;
  for (;;) {
    const answer = await ask(where, question, signal);
    if (typeof answer !== 'string' || performance.now() > deadline) return answer;
    await delay(20, undefined, { signal });
  }
}

/** Each route on the services of the project: answered as by its edge. */
export async function routeProbes(
  site: Site,
  where: Where,
  reference: Reference,
  signal: AbortSignal,
): Promise<readonly Probe[]> {
  const probes: Probe[] = [];
  for (const question of routeQuestions(site)) {
    const expected = reference.get(question.name);
    const answer = await ask(where, question, signal);
    probes.push(
      probe(question.name, expected ? differenceOf(answer, expected, question.host) : "camp's edge gave no answer"),
    );
  }
  return probes;
}

function probe(name: string, problem: string | undefined): Probe {
  return { name, isPassed: problem === undefined, detail: problem ?? 'as expected' };
}

function differenceOf(answer: Answer | string, expected: Answer, host: string): string | undefined {
  if (typeof answer === 'string') return answer;
  if (answer.status !== expected.status) return `${answer.status} instead of ${expected.status}`;
  if (isRedirect(answer.status)) {
    const [to, wanted] = [targetOf(answer, host), targetOf(expected, host)];
    return to === wanted ? undefined : `leads to ${to} instead of ${wanted}`;
  }
  const isOther = answer.status < 300 && expected.body !== '' && answer.body !== expected.body;
  return isOther ? 'another body' : undefined;
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400;
}

/** Where a redirect leads, whatever the server's own port is; `/new` and the whole URL are the same. */
function targetOf({ headers }: Answer, host: string): string {
  const to = new URL(headers.location ?? '', `https://${host}`);
  return `${to.hostname}${to.pathname}${to.search}`;
}

/** The site as such, on services that tell what they were asked: what the Caddyfile says, whichever server says it. */
export async function* siteProbes(
  site: Site,
  where: Where,
  echoes: Echoes,
  signal: AbortSignal,
): AsyncGenerator<Probe> {
  const questions = routeQuestions(site);
  for (const question of questions) yield* ruleProbes(question, where, signal);
  for (const host of site.hosts.filter(({ isRedirected }) => isRedirected))
    yield await redirectProbe(nameOf(host), where, signal);
  const [first] = questions.filter(({ isTls }) => isTls);
  if (first) {
    yield probe('HTTP/2', await http2Problem(where, first.host, first.path));
    yield probe('TLS 1.1 refused', await oldTlsProblem(where, first.host));
  }
  yield* failoverProbes(questions, where, echoes, signal);
}

async function* ruleProbes(question: RouteQuestion, where: Where, signal: AbortSignal): AsyncGenerator<Probe> {
  const { action, headers, isCompressed } = question.rule;
  if (action.kind === 'proxy') yield* proxyProbes(question, where, signal);
  if (action.kind === 'files' && action.hasHidden) yield await hiddenProbe(question, where, signal);
  if (action.kind === 'redirect' || action.kind === 'respond') yield await answerProbe(question, where, signal);
  if (isCompressed && action.kind === 'proxy') yield await gzipProbe(question, where, signal);
  for (const { how, name } of headers)
    if (how === 'set' || (how === 'delete' && action.kind === 'proxy' && name.toLowerCase() === toHide))
      yield await headerProbe(question, name, how === 'set', where, signal);
}

/** What the server answers by itself, with the status that the Caddyfile says. */
async function answerProbe(question: RouteQuestion, where: Where, signal: AbortSignal): Promise<Probe> {
  const { action } = question.rule;
  const status = action.kind === 'redirect' || action.kind === 'respond' ? action.status : 200;
  const answer = await ask(where, question, signal);
  const isRight = typeof answer !== 'string' && answer.status === status;
  return probe(`own answer of ${question.name}`, isRight ? undefined : wordsOf(answer));
}

async function* proxyProbes(question: RouteQuestion, where: Where, signal: AbortSignal): AsyncGenerator<Probe> {
  const { sent, seen } = deeper(question.rule);
  // A client that says it is somebody else: nobody before the edge is trusted.
  const headers = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-host': 'elsewhere.example' };
  const answer = await ask(where, { ...question, path: sent, headers }, signal);
  const said = echoOf(answer);
  const path = said ? (said.path === seen ? undefined : `the service sees ${said.path}`) : wordsOf(answer);
  const authority = `${question.host}:${question.isTls ? where.https : where.http}`;
  const wanted = {
    host: authority,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': authority,
    'x-forwarded-proto': question.isTls ? 'https' : 'http',
  };
  const own = question.rule.action.kind === 'proxy' ? question.rule.action.requestHeaders : [];
  const changed = new Set(own.map(({ name }) => name.toLowerCase()));
  const wrong = Object.entries(wanted).filter(([name, value]) => !changed.has(name) && said?.headers[name] !== value);
  const got = wrong.map(([name]) => `${name}: ${said?.headers[name] ?? 'none'}`).join(', ');
  yield probe(`path of ${question.name}`, path);
  yield probe(`forwarded headers of ${question.name}`, said ? got || undefined : wordsOf(answer));
  if (question.isTls) yield probe(`WebSocket of ${question.name}`, await webSocketProblem(where, question.host, sent));
}

function echoOf(answer: Answer | string): Echoed | undefined {
  if (typeof answer === 'string' || answer.status !== 200) return undefined;
  try {
    return JSON.parse(answer.body) as Echoed;
  } catch {
    return undefined;
  }
}

function wordsOf(answer: Answer | string): string {
  return typeof answer === 'string' ? answer : `status ${answer.status}`;
}

async function hiddenProbe(question: RouteQuestion, where: Where, signal: AbortSignal): Promise<Probe> {
  const path = `${question.path.endsWith('/') ? question.path : `${question.path}/`}.git/config`;
  const answer = await ask(where, { ...question, path }, signal);
  const isGone = typeof answer !== 'string' && answer.status === 404;
  return probe(`hidden files of ${question.name}`, isGone ? undefined : wordsOf(answer));
}

async function gzipProbe(question: RouteQuestion, where: Where, signal: AbortSignal): Promise<Probe> {
  const headers = { 'accept-encoding': 'gzip' };
  const answer = await ask(where, { ...question, path: deeper(question.rule).sent, headers }, signal);
  const isDone = typeof answer !== 'string' && answer.headers['content-encoding'] === 'gzip';
  return probe(`compression of ${question.name}`, isDone ? undefined : 'not compressed');
}

async function headerProbe(
  question: RouteQuestion,
  name: string,
  isWanted: boolean,
  where: Where,
  signal: AbortSignal,
): Promise<Probe> {
  const answer = await ask(where, question, signal);
  const isRight = typeof answer !== 'string' && (answer.headers[name.toLowerCase()] !== undefined) === isWanted;
  return probe(`header ${isWanted ? '' : '-'}${name} of ${question.name}`, isRight ? undefined : wordsOf(answer));
}

async function redirectProbe(host: string, where: Where, signal: AbortSignal): Promise<Probe> {
  const path = '/probe/x?a=1%202';
  const answer = await ask(where, { host, isTls: false, path }, signal);
  const name = `redirect of http://${host}`;
  if (typeof answer === 'string') return probe(name, answer);
  const port = where.redirectsTo ?? where.https;
  const to = `https://${host}${port === 443 ? '' : `:${port}`}${path}`;
  const isRight = isRedirect(answer.status) && answer.headers.location === to;
  return probe(name, isRight ? undefined : `${answer.status} to ${answer.headers.location ?? 'nowhere'}`);
}

const tries = 30;

/** With one of several replicas dead each request is answered all the same. */
async function* failoverProbes(
  questions: readonly RouteQuestion[],
  where: Where,
  echoes: Echoes,
  signal: AbortSignal,
): AsyncGenerator<Probe> {
  for (const question of questions) {
    const [dead, ...rest] = replicasOf(question.rule, echoes);
    if (dead === undefined || rest.length === 0) continue;
    await echoes.kill(dead);
    try {
      let failed = 0;
      for (let n = 0; n < tries; n++)
        if (!echoOf(await ask(where, { ...question, path: deeper(question.rule).sent }, signal))) failed++;
      const name = `${tries} requests with a dead replica: ${question.name}`;
      yield probe(name, failed === 0 ? undefined : `${failed} failed`);
    } finally {
      await echoes.revive(dead);
    }
  }
}

function replicasOf({ action }: Rule, echoes: Echoes): readonly string[] {
  if (action.kind !== 'proxy') return [];
  const own = new Set(action.upstreams.addresses);
  return echoes.endpoints.filter(({ address }) => own.has(address)).map(({ replica }) => replica);
}
