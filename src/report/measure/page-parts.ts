import { type Chart, svgOf } from './chart.ts';
import { html, type Markup, nothing, raw } from './markup.ts';

/** Of the page's sections; each has a heading that the contents lead to. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: readonly Markup[];
}

export interface Column {
  readonly name: string;
  readonly kind?: 'figure' | 'text';
}

/** A row: its first cell is its heading. */
export interface TableRow {
  readonly cells: readonly (Markup | string)[];
  readonly isSum?: boolean;
}

/** A table with a caption, that may be scrolled by itself where it is wider than a phone. */
export function table(caption: string, columns: readonly Column[], rows: readonly TableRow[]): Markup {
  if (rows.length === 0) return nothing;
  const look = (at: number): Markup => {
    const kind = columns[at]?.kind;
    if (kind === 'figure') return raw(' class="n"');
    return kind === 'text' ? raw(' class="text"') : nothing;
  };
  const names = columns.map((column, at) => html`<th scope="col"${look(at)}>${column.name}</th>`);
  const body = rows.map(({ cells, isSum }) => {
    const [first = '', ...rest] = cells;
    const others = rest.map((cell, at) => html`<td${look(at + 1)}>${cell}</td>`);
    return html`<tr${isSum ? raw(' class="sum"') : nothing}><th scope="row">${first}</th>${others}</tr>`;
  });
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${names}</tr></thead>
<tbody>${body}</tbody>
</table></div>`;
}

/** A chart in the two widths that it is read in; the style shows one of them. */
export function figure(chart: Chart, widths: readonly [number, number], caption?: string): Markup {
  const [wide, narrow] = widths;
  return html`<figure>${caption === undefined ? nothing : html`<figcaption>${caption}</figcaption>`}
${svgOf(chart, wide, 'w', raw(' class="wide"'))}
${svgOf(chart, narrow, 'n', raw(' class="narrow"'))}
</figure>`;
}

/** The width of a card, and of half of one, on a desk and on a phone. */
export const full: readonly [number, number] = [1040, 320];
export const half: readonly [number, number] = [500, 320];

export function folded(summary: string, content: Markup): Markup {
  return html`<details><summary>${summary}</summary>${content}</details>`;
}

export function lead(text: string): Markup {
  return html`<p class="soft">${text}</p>`;
}

export function section({ id, title, content }: Section): Markup {
  return html`<section class="card" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${content}
</section>`;
}
