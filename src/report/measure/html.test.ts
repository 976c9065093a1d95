import { describe, expect, test } from 'vitest';
import { bareReport, hostile, hostileReport, measureHistory, measureReport } from '../../../test/rig/measure-report.ts';
import { readHistory } from './history.ts';
import { renderHtml } from './html.ts';
import { type Colours, dark, light } from './palette.ts';

const history = readHistory(measureHistory);
const page = renderHtml(measureReport, history);
/** The page without its style, in which nothing comes from the project. */
const body = (text: string): string => text.slice(text.indexOf('<body>'));
const tags = (text: string): readonly string[] => [...text.matchAll(/<[a-z][^>]*>/g)].map(([tag]) => tag);

describe('renderHtml', () => {
  test('needs nothing but itself, and may not ask for more', () => {
    const [policy] = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(page)!.slice(1);
    expect(policy!.split('; ').sort()).toEqual(
      [
        "base-uri 'none'",
        "default-src 'none'",
        "form-action 'none'",
        'img-src data:',
        "style-src 'unsafe-inline'",
      ].sort(),
    );
    const addresses = [...page.matchAll(/(?:href|src|action)="([^"]*)"/g)].map(([, address]) => address!);
    expect(addresses.filter((address) => !/^(#[\w-]+|data:,)$/.test(address))).toEqual([]);
    expect(page).not.toMatch(/<script|@import|url\(|<iframe|<object|<form/);
    expect(page.indexOf('Content-Security-Policy')).toBeLessThan(page.indexOf('<style>'));
  });

  test('has a section for everything that the report has, and the contents lead there', () => {
    const sections = [...page.matchAll(/<section class="card" aria-labelledby="([\w-]+)"><h2 id="([\w-]+)">([^<]*)/g)];
    expect(sections.map(([, , , title]) => title)).toEqual([
      'Budgets',
      'Time to X',
      'Where the time went',
      'Services',
      'Configuration',
      'The same site by other servers',
      'What a split costs',
      'History',
      'Notes',
    ]);
    const links = [...page.matchAll(/<li><a href="#([\w-]+)">/g)].map(([, id]) => id);
    expect(links).toEqual(sections.map(([, , id]) => id));
    expect(sections.every(([, label, id]) => label === id)).toBe(true);
  });

  test('what was not measured has none', () => {
    const bare = renderHtml(bareReport, readHistory([]));
    expect([...bare.matchAll(/<h2 id="[\w-]+">([^<]*)/g)].map(([, title]) => title)).toEqual(['Time to X']);
    expect(bare).not.toMatch(/undefined|null|NaN/);
  });

  test('each id is there once, and each reference leads to one', () => {
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    const uses = [...page.matchAll(/ (?:aria-labelledby|aria-describedby|href)="#?([\w-]+)"/g)].map(([, id]) => id!);
    expect(uses.filter((id) => !ids.includes(id))).toEqual([]);
  });

  test('each table has a caption, a heading for each column and one for each row', () => {
    const tables = page
      .split('<table')
      .slice(1)
      .map((part) => part.slice(0, part.indexOf('</table>')));
    expect(tables.length).toBeGreaterThan(10);
    for (const table of tables) {
      expect(table).toMatch(/<caption>[^<]+<\/caption>/);
      const rows = table.slice(table.indexOf('<tbody')).split('<tr').slice(1);
      const columns = table.match(/scope="col"/g)!.length;
      for (const row of rows)
        expect(row.match(/scope="row"/g)!.length + (row.match(/<td /g) ?? []).length).toBe(columns);
    }
  });

  test('each chart has a title, a description that says its figures, and a table beside it', () => {
    const charts = [
      ...page.matchAll(/<svg xmlns[^>]*>\n<title id="[^"]+">([^<]+)<\/title>\n<desc id="[^"]+">([^<]+)<\/desc>/g),
    ];
    expect(charts).toHaveLength(page.match(/<svg xmlns/g)!.length);
    for (const [, , description] of charts) expect(description).toMatch(/\d/);
  });

  test('the history joins values of one machine only', () => {
    const first = page.slice(page.indexOf('id="history-0-528-t"'));
    const chart = first.slice(0, first.indexOf('</svg>'));
    const joins = [...chart.matchAll(/<line class="l(\d)"[^>]* x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)"/g)].filter(
      ([, , from, to]) => from !== to,
    );
    const { points } = history.series[0]!;
    expect(joins.filter(([, machine]) => machine === '0')).toHaveLength(
      points.filter(({ machine }) => machine === 0).length - 1,
    );
    expect(joins.filter(([, machine]) => machine === '1')).toHaveLength(
      points.filter(({ machine }) => machine === 1).length - 1,
    );
    expect(page).toContain('3 lines could not be read and were left out.');
  });

  test.each(hostile.map((name, at) => [at, name] as const))(
    'hostile text %i is text, wherever it stands',
    (_, name) => {
      const written = renderHtml(hostileReport(name), readHistory(measureHistory));
      const plain = renderHtml(hostileReport('name'), readHistory(measureHistory));
      const shape = (text: string): readonly string[] =>
        tags(body(text)).map((tag) => tag.replace(/^<(\w+).*$/s, '$1'));
      // how much room a name takes decides what is drawn: only that it is nothing else than drawings
      const withoutCharts = (text: string): string => text.replace(/<svg[^>]*>[\s\S]*?<\/svg>/g, '<svg>');
      expect(shape(withoutCharts(written))).toEqual(shape(withoutCharts(plain)));
      const known = new Set(shape(plain));
      expect(shape(written).filter((tag) => !known.has(tag))).toEqual([]);
      expect(tags(written).filter((tag) => / on\w+=/.test(tag.replace(/"[^"]*"/g, '""')))).toEqual([]);
      expect(written.split('</style>')).toHaveLength(2);
      expect(written).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200f\u061c\u202a-\u202e\u2066-\u2069]/);
    },
  );

  test('one value is no course: its series has no chart, and the page says how many have none', () => {
    const written = renderHtml(bareReport, readHistory(measureHistory.slice(-2)));
    expect(written).toContain('5 metrics have one value only, and no chart yet.');
    expect(written).not.toContain('<svg xmlns');
  });

  test('a history that is longer than a chart can show says so', () => {
    const line = JSON.parse(measureHistory.at(-2)!) as object;
    const many = Array.from({ length: 90 }, (_, at) =>
      JSON.stringify({ ...line, time: new Date(at * 86_400_000).toISOString() }),
    );
    expect(renderHtml(bareReport, readHistory(many))).toContain('30 older ones are not shown.');
  });
});

describe('contrast, by the formula of WCAG 2', () => {
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [dim = 0, bright = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dim + 0.05);
  };

  test('the formula: black on white is 21', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
  });

  test.each<[string, Colours]>([
    ['light', light],
    ['dark', dark],
  ])('%s: texts have 4.5, what is drawn has 3', (_, colours) => {
    for (const ground of [colours.card, colours.paper]) {
      for (const text of [colours.ink, colours.soft, colours.accent, colours.warn])
        expect(contrast(text, ground), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    for (const shape of [colours.accent, colours.quiet, ...colours.series])
      expect(contrast(shape, colours.card), `${shape} on ${colours.card}`).toBeGreaterThanOrEqual(3);
  });
});
