import { describe, expect, test } from 'vitest';
import { LogFormat, type LogLine } from './log-line.ts';
import { createLogPrinter, type LogOutput } from './logs.ts';
import type { Style } from './style.ts';

const terminal: Style = { hasColour: false, hasUnicode: true, width: 80, isTty: true, isLive: true };
const pipe: Style = { ...terminal, isTty: false, isLive: false };

function line(text: string, rest: Partial<LogLine> = {}): LogLine {
  return { service: 'api', replica: 'api:1', stream: 'stdout', line: text, ...rest };
}

describe('LogFormat', () => {
  test('prefixes: the first replica is the service, further ones have their number, all grow alike', () => {
    const format = new LogFormat(pipe);
    expect(format.format(line('a'))).toBe('api │ a');
    expect(format.format(line('b', { replica: 'api:2' }))).toBe('api.2 │ b');
    expect(format.format(line('c', { service: 'edge', replica: 'edge' }))).toBe('edge  │ c');
    expect(format.format(line('d', { replica: 'api:install' }))).toBe('api.install │ d');
    expect(format.format(line('e', { service: 'x'.repeat(40), replica: 'x:1' }))).toBe(`${'x'.repeat(40)} │ e`);
    expect(format.format(line('f'))).toBe(`api${' '.repeat(17)} │ f`);
  });

  test('a service keeps its colour', () => {
    const once = new LogFormat({ ...terminal, hasColour: true }).format(line('a'));
    expect(once).toBe(new LogFormat({ ...terminal, hasColour: true }).format(line('a')));
    expect(once).toMatch(/^\x1b\[\d+mapi │\x1b\[39m a$/);
  });

  test('on the way of a request each service is further in, and a line stands at the time at which it began', () => {
    const format = new LogFormat(pipe);
    const ended = JSON.stringify({ time: '2026-01-31T12:00:00.250Z', level: 'info', msg: 'charged' });
    const [edge = '', api = ''] = [1, 2].map((hop) =>
      format.format(line(ended, { hop, time: '2026-01-31T12:00:00.100Z' })),
    );
    expect(edge).toMatch(/^api │ \d\d:00:00\.100 info charged$/);
    expect(api).toBe(edge.replace('│ ', '│   '));
  });

  test('a structured line is readable on a terminal, and untouched in a pipe', () => {
    const text = JSON.stringify({
      time: '2026-01-31T12:00:00.250Z',
      level: 'info',
      service: 'api',
      msg: 'GET /orders',
      status: 200,
      path: 'a b',
      requestId: 'r-1',
    });
    expect(new LogFormat(pipe).format(line(text))).toBe(`api │ ${text}`);
    const shown = new LogFormat(terminal).format(line(text));
    expect(shown).toMatch(/^api │ \d\d:\d\d:00\.250 info GET \/orders status=200 path="a b" requestId=r-1$/);
  });

  test.each([
    ['{"level":30,"time":1,"msg":"pino"}', /info pino$/],
    ['{"severity":"ERROR","message":"gcp"}', /^api │ error gcp$/],
    ['{"msg":"nested","err":{"code":1}}', /^api │ nested err=\{"code":1\}$/],
    ['{"msg":"two\\nlines"}', /^api │ two⏎lines$/],
    ['{"msg":"\\u001b[2Jevil","\\u001b]0;k":"\\u0007"}', /^api │ evil [^\x00-\x1f]*$/],
    ['{"msg":null}', /^api │ \{"msg":null\}$/],
    ['{"no":"message"}', /^api │ \{"no":"message"\}$/],
    ['{"msg":"cut', /^api │ \{"msg":"cut$/],
    ['{not json}', /^api │ \{not json\}$/],
    ['[1,2]', /^api │ \[1,2\]$/],
    ['{"__proto__":{"msg":1},"msg":"x"}', /^api │ x/],
  ])('%s', (text, shown) => {
    expect(new LogFormat(terminal).format(line(text))).toMatch(shown);
  });

  test('colours of the service stay on a colour terminal only', () => {
    const red = line('\x1b[31mred');
    expect(new LogFormat(terminal).format(red)).toBe('api │ red');
    expect(new LogFormat({ ...terminal, hasColour: true }).format(red)).toContain('\x1b[31mred\x1b[0m');
    expect(new LogFormat({ ...pipe, hasColour: true }).format(red)).toMatch(/ red$/);
  });
});

describe('createLogPrinter', () => {
  class Slow implements LogOutput {
    readonly written: string[] = [];
    #drain: (() => void) | undefined;
    write(text: string): boolean {
      this.written.push(text);
      return false;
    }
    once(_: 'drain', listener: () => void): void {
      this.#drain = listener;
    }
    drain(): void {
      const drain = this.#drain;
      this.#drain = undefined;
      drain?.();
    }
    get text(): string {
      return this.written.join('');
    }
  }

  test('nothing is written to a full stream until it has drained', () => {
    const out = new Slow();
    const print = createLogPrinter(out, pipe);
    for (const text of ['a', 'b', 'c']) print(line(text));
    expect(out.text).toBe('api │ a\n');
    out.drain();
    expect(out.text).toBe('api │ a\napi │ b\napi │ c\n');
    out.drain();
    print(line('d'));
    expect(out.text.endsWith('api │ d\n')).toBe(true);
  });

  test('a pipe gets every line, a terminal the newest and how many are missing', () => {
    const count = 20_000;
    const flood = (style: Style): string => {
      const out = new Slow();
      const print = createLogPrinter(out, style);
      for (let n = 0; n < count; n++) print(line(String(n)));
      out.drain();
      return out.text;
    };
    expect(flood(pipe).match(/\n/g)).toHaveLength(count);
    const shown = flood(terminal);
    const missing = Number(/\((\d+) lines not shown\)/.exec(shown)?.[1]);
    expect(missing).toBeGreaterThan(10_000);
    expect((shown.match(/│/g)?.length ?? 0) + missing).toBe(count);
    expect(shown.endsWith(`${count - 1}\n`)).toBe(true);
  });
});
