import type { Event, Ms, Phase } from '../kit/events.ts';

/** What is known of one service, tool or the edge while it comes up: a fold over the events. */
export interface Row {
  readonly name: string;
  /** In words: `starting`, `ready`. */
  readonly words: string;
  readonly state: 'busy' | 'done' | 'failed';
  readonly beganAt: Ms;
  readonly endedAt?: Ms;
}

export type Rows = ReadonlyMap<string, Row>;

const busy: Readonly<Partial<Record<Phase, string>>> = {
  provision: 'fetching',
  install: 'installing what it needs',
  build: 'building',
  create: 'creating',
  prepare: 'preparing its data',
  start: 'starting',
  awaitReady: 'waiting until it is ready',
  startEdge: 'starting',
  route: 'routing',
  'first-request': 'waiting for the first answer',
  drain: 'draining',
  stop: 'stopping',
};

const done: Readonly<Partial<Record<Phase, string>>> = {
  provision: 'there',
  install: 'installed',
  build: 'built',
  create: 'created',
  prepare: 'prepared',
  awaitReady: 'ready',
  startEdge: 'running',
  route: 'routed',
  'first-request': 'answers',
  stop: 'stopped',
};

/** The rows after an event; the same rows when the event says nothing about them. */
export function foldRow(rows: Rows, event: Event): Rows {
  if (event.type !== 'span') return rows;
  const name = nameOf(event.subject);
  const words = event.failure ? 'failed' : wordsOf(name, event.phase, event.edge);
  if (words === undefined) return rows;
  const before = rows.get(name);
  // the first request of a service is the edge's work as much as its own: the time to ready is what the row shows
  if (before?.words === 'ready' && event.phase === 'first-request' && !event.failure) return rows;
  const beganAt = before?.beganAt ?? event.t;
  const row: Row =
    event.edge === 'begin'
      ? { name, words, state: 'busy', beganAt }
      : { name, words, state: event.failure ? 'failed' : 'done', beganAt, endedAt: event.t };
  return new Map([...rows, [name, before?.state === 'failed' ? before : row]]);
}

function wordsOf(name: string, phase: Phase, edge: 'begin' | 'end'): string | undefined {
  // Caddy is fetched, the local CA is made here
  if (phase === 'provision' && name === 'ca') return edge === 'begin' ? 'being made' : 'made';
  return edge === 'begin' ? busy[phase] : done[phase];
}

/** `api:2` is a replica of api, `tool:caddy` is caddy. */
export function nameOf(subject: string): string {
  const [first = subject, second = ''] = subject.split(':');
  return first === 'tool' ? second : first;
}
