import xterm from '@xterm/headless';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Event, Phase } from '../kit/events.ts';
import { failure } from '../kit/failure.ts';
import { createUpView } from './live.ts';
import type { Style } from './style.ts';

const live: Style = { hasColour: false, hasUnicode: true, width: 80, isTty: true, isLive: true };
const plain: Style = { ...live, isTty: false, isLive: false };

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

/** A terminal that draws what it is told; `writes` are the pieces as they came. */
class Screen {
  readonly writes: string[] = [];
  columns: number;
  readonly rows: number;
  readonly #terminal: xterm.Terminal;

  constructor(columns: number, rows = 24) {
    this.columns = columns;
    this.rows = rows;
    this.#terminal = new xterm.Terminal({
      cols: columns,
      rows,
      scrollback: 1000,
      allowProposedApi: true,
      convertEol: true,
    });
  }

  write(text: string): boolean {
    this.writes.push(text);
    this.#terminal.write(text);
    return true;
  }

  async resize(columns: number): Promise<void> {
    await this.#drained();
    this.columns = columns;
    this.#terminal.resize(columns, this.rows);
  }

  /** Every line from the top of the scrollback, without those below the last text. */
  async lines(): Promise<readonly string[]> {
    await this.#drained();
    const buffer = this.#terminal.buffer.active;
    const lines = Array.from({ length: buffer.length }, (_, at) => buffer.getLine(at)?.translateToString(true) ?? '');
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => this.#terminal.write('', resolve));
  }
}

function span(edge: 'begin' | 'end', phase: Phase, subject: string, t = performance.now()): Event {
  return { type: 'span', edge, phase, subject, t };
}

function output(line: string): Event {
  return { type: 'output', service: 'api', replica: 'api:1', stream: 'stdout', line, t: performance.now() };
}

describe('on a terminal', () => {
  test('one line a service, redrawn in place', async () => {
    const screen = new Screen(80);
    const view = createUpView(screen, live);
    view.event(span('begin', 'start', 'api:1'));
    view.event(span('end', 'start', 'api:1'));
    view.event(span('begin', 'awaitReady', 'api:1'));
    view.event(span('begin', 'startEdge', 'edge'));
    vi.advanceTimersByTime(500);
    expect(await screen.lines()).toEqual(['⠴ api  waiting until it is ready 0.50 s', '⠴ edge starting 0.50 s']);
    view.event(span('end', 'awaitReady', 'api:1'));
    vi.advanceTimersByTime(500);
    expect(await screen.lines()).toEqual(
      ['✔ api  ready 0.50 s', '⠏ edge starting 1.00 s'].map((line) => line.replace('⠏', '⠋')),
    );
    view.finish();
    expect(await screen.lines()).toEqual([]);
  });

  test('replicas share a line, and tools are named', async () => {
    const screen = new Screen(80);
    const view = createUpView(screen, live);
    view.event(span('begin', 'provision', 'tool:caddy'));
    view.event(span('begin', 'start', 'api:1'));
    view.event(span('begin', 'start', 'api:2'));
    vi.advanceTimersByTime(100);
    expect((await screen.lines()).map((line) => line.slice(2))).toEqual([
      'caddy fetching 0.10 s',
      'api   starting 0.10 s',
    ]);
    view.finish();
  });

  test('output and warnings stand above the live lines and stay', async () => {
    const screen = new Screen(60);
    const view = createUpView(screen, live);
    view.event(span('begin', 'start', 'api:1'));
    view.event(output('first'));
    view.event(output('\x1b[2Jsecond'));
    view.event({ type: 'warning', message: 'no port 443', t: 0 });
    view.event({
      type: 'warning',
      message: 'x',
      failure: failure('project', 'UNKNOWN_KEY', 'key "x" has no effect'),
      t: 0,
    });
    view.event({ type: 'note', subject: 'tool:caddy', message: 'was started again', t: 0 });
    vi.advanceTimersByTime(100);
    const lines = await screen.lines();
    expect(lines.slice(0, 3)).toEqual(['api │ first', 'api │ second', '▲ no port 443']);
    expect(lines.slice(3)).toEqual([
      '▲ key "x" has no effect',
      `${' '.repeat(49)}UNKNOWN_KEY`,
      '• caddy: was started again',
      '⠙ api starting 0.10 s',
    ]);
    view.finish();
    expect(await screen.lines()).toEqual(lines.slice(0, -1));
  });

  test('it writes at most ten times a second, and nothing when nothing changed', () => {
    const screen = new Screen(80);
    const view = createUpView(screen, live);
    for (let n = 0; n < 500; n++) {
      view.event(span('begin', 'start', `s${n % 9}:1`));
      vi.advanceTimersByTime(2);
    }
    expect(screen.writes.filter((text) => text.includes('\x1b[?2026h')).length).toBeLessThanOrEqual(11);
    view.event(span('end', 'awaitReady', 's0:1'));
    for (let n = 1; n < 9; n++) view.event(span('end', 'awaitReady', `s${n}:1`));
    vi.advanceTimersByTime(200);
    const before = screen.writes.length;
    vi.advanceTimersByTime(5000);
    expect(screen.writes.length).toBe(before);
    view.finish();
  });

  test('each frame is synchronised; the cursor is hidden once and given back', () => {
    const screen = new Screen(80);
    const view = createUpView(screen, live);
    view.event(span('begin', 'start', 'api:1'));
    vi.advanceTimersByTime(1000);
    view.finish();
    view.finish();
    const all = screen.writes.join('');
    expect(all.split('\x1b[?25l').length - 1).toBe(1);
    expect(all.split('\x1b[?25h').length - 1).toBe(1);
    expect(all.endsWith('\x1b[?25h')).toBe(true);
    expect(all.split('\x1b[?2026h').length).toBe(all.split('\x1b[?2026l').length);
    expect(process.listenerCount('exit')).toBe(exitListeners);
  });

  test.each([80, 40, 20, 8])('no line is broken at %i columns', async (columns) => {
    const screen = new Screen(columns);
    const view = createUpView(screen, { ...live, width: columns });
    for (const name of ['a', 'a-service-with-a-long-name', '日本語のサービス'])
      view.event(span('begin', 'install', name));
    vi.advanceTimersByTime(1000);
    const lines = await screen.lines();
    expect(lines).toHaveLength(3);
    view.finish();
    expect(await screen.lines()).toEqual([]);
  });

  test('a terminal that becomes narrower and wider keeps no remains', async () => {
    const screen = new Screen(80);
    const view = createUpView(screen, live);
    for (const name of ['orders', 'payments', 'shipping']) view.event(span('begin', 'awaitReady', `${name}:1`));
    view.event(output('a line that stays'));
    vi.advanceTimersByTime(300);
    for (const columns of [30, 60, 20, 80]) {
      await screen.resize(columns);
      vi.advanceTimersByTime(100);
      const lines = await screen.lines();
      expect(lines.filter((line) => /orders/.test(line))).toHaveLength(1);
    }
    view.finish();
    expect((await screen.lines()).join('')).toBe('api │ a line that stays');
  });

  test('more services than the terminal has rows are one line', async () => {
    const screen = new Screen(40, 10);
    const view = createUpView(screen, live);
    for (let n = 0; n < 140; n++) view.event(span('begin', 'awaitReady', `service-${n}:1`));
    for (let n = 0; n < 30; n++) view.event(span('end', 'awaitReady', `service-${n}:1`));
    vi.advanceTimersByTime(100);
    expect(await screen.lines()).toEqual(['⠙ 30 of 140 done · service-30, service…']);
    view.finish();
    expect(await screen.lines()).toEqual([]);
  });

  test('a failure stays visible in its line', async () => {
    const screen = new Screen(80);
    const view = createUpView(screen, live);
    view.event(span('begin', 'awaitReady', 'api:1'));
    view.event({
      ...span('end', 'awaitReady', 'api:1'),
      failure: failure('service', 'EXITED_EARLY', 'ended'),
    } as Event);
    view.event(span('begin', 'awaitReady', 'api:2'));
    vi.advanceTimersByTime(100);
    expect((await screen.lines())[0]).toMatch(/^✖ api failed/);
    view.finish();
  });

  test('without UTF-8 only ASCII', () => {
    const screen = new Screen(80);
    const view = createUpView(screen, { ...live, hasUnicode: false });
    view.event(span('begin', 'start', 'a-rather-long-name:1'));
    view.event(output('x'));
    vi.advanceTimersByTime(300);
    view.finish();
    expect(screen.writes.join('').replaceAll('\x1b', '')).toMatch(/^[\x20-\x7e\n\r]*$/);
  });
});

const exitListeners = process.listenerCount('exit');

describe('elsewhere', () => {
  test('one plain line for each change, no escape', () => {
    const screen = new Screen(80);
    const view = createUpView(screen, plain);
    view.event(span('begin', 'provision', 'tool:caddy', 10));
    view.event(span('end', 'provision', 'tool:caddy', 2010));
    view.event(span('begin', 'start', 'api:1', 2020));
    view.event(span('end', 'start', 'api:1', 2030));
    view.event(span('begin', 'awaitReady', 'api:1', 2030));
    view.event(output('\x1b[31mlistening\x1b[0m'));
    view.event(span('end', 'awaitReady', 'api:1', 2480));
    view.event(span('begin', 'first-request', 'api', 2480));
    view.event(span('end', 'first-request', 'api', 2500));
    vi.advanceTimersByTime(5000);
    view.finish();
    view.event(output('late'));
    expect(screen.writes.join('').split('\n')).toEqual([
      'caddy: fetching',
      'caddy: there at 2.01 s',
      'api │ listening',
      'api: ready at 2.48 s',
      '',
    ]);
  });
});
