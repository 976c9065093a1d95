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
  /** A `value` is a figure that may have words and be long; a `word` is one of camp's own, and stays whole. */
  readonly kind?: 'figure' | 'value' | 'text' | 'word';
}

const looks = { figure: 'n', value: 'n v', text: 'text', word: 'w' } as const;

/** A row: its first cell is its heading. */
export interface TableRow {
  readonly cells: readonly (Markup | string)[];
  readonly isSum?: boolean;
}

/**
 * A table with a caption. On a phone its rows are laid out as blocks, each cell with the name of its column: the roles keep it
 * a table for those who do not see that.
 */
export function table(caption: string, columns: readonly Column[], rows: readonly TableRow[]): Markup {
  if (rows.length === 0) return nothing;
  const isTight = columns.length <= 3 && columns.every(({ kind }) => kind !== 'text');
  const look = (at: number): Markup => {
    const kind = columns[at]?.kind;
    return kind === undefined ? nothing : html` class="${looks[kind]}"`;
  };
  const names = columns.map((column, at) => html`<th role="columnheader" scope="col"${look(at)}>${column.name}</th>`);
  const body = rows.map(({ cells, isSum }) => {
    const [first = '', ...rest] = cells;
    const others = rest.map(
      (cell, at) => html`<td role="cell" data-name="${columns[at + 1]?.name ?? ''}"${look(at + 1)}>${cell}</td>`,
    );
    return html`<tr role="row"${isSum ? raw(' class="sum"') : nothing}><th role="rowheader" scope="row">${first}</th>${others}</tr>`;
  });
  return html`<table role="table"${isTight ? raw(' class="tight"') : nothing}>
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${names}</tr></thead>
<tbody role="rowgroup">${body}</tbody>
</table>`;
}

/** Widths of a drawing, and the class by which the style shows it in its place. */
type Widths = readonly (readonly [width: number, look: string])[];

/** As wide as a card: on a desk, on a small screen, on a phone. */
export const full: Widths = [
  [1098, 'wide'],
  [690, 'middle'],
  [320, 'narrow'],
];
/** Half of it on a desk. */
export const half: Widths = [
  [528, 'middle wide'],
  [320, 'narrow'],
];

/** A chart in each width that it is read in; the style shows one of them. */
export function figure(chart: Chart, widths: Widths, caption?: string): Markup {
  return html`<figure>${caption === undefined ? nothing : html`<figcaption>${caption}</figcaption>`}
${widths.map(([width, look]) => svgOf(chart, width, String(width), html` class="${look}"`))}
</figure>`;
}

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
