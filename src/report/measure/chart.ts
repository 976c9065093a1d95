import { displayWidth } from '../width.ts';
import { html, type Markup, raw } from './markup.ts';
import { clean, shorten, shortenPath } from './text.ts';

/** What is drawn, in the units of the drawing; `height` follows from it. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly content: readonly Markup[];
}

/** A drawing with its text alternative. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What one would read from it. */
  readonly description: string;
  draw(width: number): Drawing;
}

const fontSize = 13;

/** Widths in parts of the size, of the widest of the usual faces without serifs: a drawing does not know which it will get. */
const wide = /[mwMW@%…→#+=<>~^]/;
const capital = /\p{Lu}|&/u;
const slim = /[iljtfr.,:;|'!()[\]/\\ -]/;

/** How wide a text will be at most. */
export function textWidth(text: string, size = fontSize): number {
  let width = 0;
  for (const character of text) {
    const columns = displayWidth(character);
    if (columns === 0) continue;
    if (columns === 2) width += 1.1;
    else if (wide.test(character)) width += 1;
    else if (capital.test(character)) width += 0.79;
    else width += slim.test(character) ? 0.42 : 0.65;
  }
  return width * size;
}

/** A text that must not be wider than the room: cut, with the whole of it as its tooltip. */
export function label(text: string, x: number, y: number, room: number, look = 't', anchor = 'start'): Markup {
  const whole = clean(text);
  let length = whole.length;
  let shown = whole;
  while (textWidth(shown) > room && length > 1) {
    length = Math.min(length - 1, Math.floor((length * room) / textWidth(shown)));
    shown = whole.includes('/') ? shortenPath(whole, length) : shorten(whole, length);
  }
  const tip = shown === whole ? raw('') : html`<title>${whole}</title>`;
  const place = anchor === 'start' ? raw('') : html` text-anchor="${anchor}"`;
  return html`<text class="${look}" x="${x}" y="${y}"${place}>${shown}${tip}</text>`;
}

/** A vertical line of the grid, and its value above or below. */
export function gridLine(x: number, top: number, bottom: number): Markup {
  return html`<line class="g" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/>`;
}

/** A bar; never thinner than can be seen. */
export function bar(look: string, x: number, y: number, width: number, height: number): Markup {
  return html`<rect class="${look}" x="${x}" y="${y}" width="${Math.max(2, width)}" height="${height}" rx="2"/>`;
}

/** An `svg` element; `suffix` keeps its ids apart from those of the same chart in another width. */
export function svgOf(
  chart: Chart,
  width: number,
  suffix: string,
  more: Markup = raw(''),
  inside: Markup = raw(''),
): Markup {
  const { height, content } = chart.draw(width);
  const id = `${chart.id}-${suffix}`;
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${id}-t" aria-describedby="${id}-d" font-family="system-ui, sans-serif" font-size="${fontSize}"${more}>
<title id="${id}-t">${chart.title}</title>
<desc id="${id}-d">${chart.description}</desc>
${inside}
${content}
</svg>`;
}
