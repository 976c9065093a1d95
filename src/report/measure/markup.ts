import { escapeHtml } from './text.ts';

/** Text that is HTML or SVG already; anything else is escaped where it is put into some. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | readonly Markup[];

/** Puts values into HTML or SVG: markup as it is, lists of it one after the other, everything else escaped. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return raw(texts.reduce((all, text, at) => all + written(parts[at - 1] ?? '') + text));
}

/** Only for text that camp itself has written. */
export function raw(markup: string): Markup {
  return { markup };
}

export const nothing: Markup = raw('');

function written(part: Part): string {
  if (typeof part === 'number') return String(Math.round(part * 100) / 100);
  if (typeof part === 'string') return escapeHtml(part);
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('\n');
}

/** A name of the project's: its direction is its own. */
export function name(text: string): Markup {
  return html`<bdi>${text}</bdi>`;
}
