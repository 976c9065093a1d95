import { describe, expect, test } from 'vitest';
import { bareReport, hostile, hostileReport, measureReport } from '../../../test/rig/measure-report.ts';
import { type Drawing, textWidth } from './chart.ts';
import { renderSvg } from './svg.ts';
import { waterfallChart } from './waterfall.ts';

const svg = renderSvg(measureReport);

describe('renderSvg', () => {
  test('says what it shows to those who do not see it', () => {
    expect(svg).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*role="img" aria-labelledby="waterfall-file-t"/,
    );
    expect(svg).toContain('<title id="waterfall-file-t">Where the time of shop went until its first request</title>');
    expect(svg).toMatch(
      /<desc id="waterfall-file-d">19 phases until 1\.24 s\. .*orders 2 until ready 587 ms\.<\/desc>/,
    );
  });

  test('has colours of its own for light and for dark, and fetches nothing', () => {
    expect(svg).toMatch(/<style>.*@media \(prefers-color-scheme: dark\)\{.*\}<\/style>/);
    expect(svg).not.toMatch(/href|url\(|@import|<image|<script|<foreignObject/);
  });

  test('without phases it says so', () => {
    expect(renderSvg(bareReport)).toContain('>no phases were measured</text>');
  });

  test.each<readonly [string, string]>([
    ['the full report', svg],
    ['a bare one', renderSvg(bareReport)],
    ...hostile.map((name, at) => [`hostile text ${at}`, renderSvg(hostileReport(name))] as const),
  ])('%s is well-formed XML, in which names are text', (_, text) => {
    expect(unclosed(text)).toEqual([]);
    expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\u200f\u061c\u202a-\u202e\u2066-\u2069]/);
    expect(text.isWellFormed()).toBe(true);
    expect(text.replace(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
    expect([...text.matchAll(/<([a-z]+)[ >]/gi)].map(([, tag]) => tag).filter((tag) => !drawn.has(tag!))).toEqual([]);
  });
});

const drawn = new Set(['svg', 'title', 'desc', 'style', 'rect', 'text', 'g', 'line', 'circle']);

/** Elements that are not closed, or not in order. */
function unclosed(text: string): readonly string[] {
  const open: string[] = [];
  for (const [, end, tag = '', single] of text.matchAll(/<(\/)?([A-Za-z]+)(?:\s+[\w-]+="[^"<>]*")*\s*(\/)?>|</g)) {
    if (tag === '') return ['a < that begins no element'];
    if (single) continue;
    if (!end) open.push(tag);
    else if (open.pop() !== tag) return [tag];
  }
  return open;
}

describe('the waterfall', () => {
  const reports = [measureReport, ...hostile.map(hostileReport)];
  const drawings = reports.flatMap((report) =>
    [320, 560, 820, 1098].map((width) => waterfallChart(report)!.draw(width)),
  );

  test('no two texts overlap, none leaves the drawing', () => {
    for (const drawing of drawings) {
      const boxes = textsOf(drawing);
      expect(boxes.length).toBeGreaterThan(measureReport.phases.length * 2);
      for (const box of boxes) {
        expect(box.left, box.text).toBeGreaterThanOrEqual(-0.01);
        expect(box.right, box.text).toBeLessThanOrEqual(drawing.width + 0.01);
        expect(box.bottom, box.text).toBeLessThanOrEqual(drawing.height);
      }
      for (const [at, a] of boxes.entries()) {
        const over = boxes
          .slice(at + 1)
          .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
        expect(over.map(({ text }) => `${a.text} / ${text}`)).toEqual([]);
      }
    }
  });

  test('bars lie on the axis where their phases were', () => {
    const { content, width } = waterfallChart(measureReport)!.draw(1098);
    const bars = content.flatMap(({ markup }) => [
      ...markup.matchAll(/<rect class="(a|q)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g),
    ]);
    expect(bars).toHaveLength(measureReport.phases.length);
    const byBegin = measureReport.phases.toSorted((a, b) => a.beginMs - b.beginMs || a.endMs - b.endMs);
    const scale = (Number(bars.at(-1)![2]) - Number(bars[0]![2])) / (byBegin.at(-1)!.beginMs - byBegin[0]!.beginMs);
    for (const [at, [, look, x, drawnWidth]] of bars.entries()) {
      const phase = byBegin[at]!;
      expect(Number(x) - Number(bars[0]![2])).toBeCloseTo((phase.beginMs - byBegin[0]!.beginMs) * scale, 1);
      expect(Number(drawnWidth)).toBeCloseTo(Math.max(2, (phase.endMs - phase.beginMs) * scale), 1);
      expect(look === 'a').toBe(measureReport.criticalChain.includes(phase));
      expect(Number(x) + Number(drawnWidth)).toBeLessThanOrEqual(width);
    }
  });
});

interface Box {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where the texts of a drawing are, as wide as they can be. */
function textsOf({ content }: Drawing): readonly Box[] {
  return content.flatMap(({ markup }) =>
    [...markup.matchAll(/<text class="[^"]*" x="([\d.]+)" y="([\d.]+)"(?: text-anchor="(\w+)")?>([^<]*)</g)].map(
      ([, x, y, anchor, escaped = '']) => {
        const text = escaped.replace(/&(?:#\d+|\w+);/g, '&');
        const width = textWidth(text);
        const left = Number(x) - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0);
        return { text, left, right: left + width, top: Number(y) - 11, bottom: Number(y) + 3 };
      },
    ),
  );
}
