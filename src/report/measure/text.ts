import { sanitise } from '../sanitise.ts';

/** Marks without a width that change the direction of their surroundings, and what XML 1.0 has no place for. */
const unwanted = /[\u061c\u200e\u200f\ufeff\ufffe\uffff]/g;

/**
 * A text of the project's, on one line: without control characters, terminal sequences and marks that turn the
 * direction of what stands beside it. Every report puts such texts through here, and then through its own escape.
 */
export function clean(text: string): string {
  return sanitise(text.replace(/[\s\u0085]+/g, ' '), false)
    .replace(unwanted, '')
    .replace(/ {2,}/g, ' ')
    .trim();
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For the text and the quoted attributes of HTML and XML. */
export function escapeHtml(text: string): string {
  return clean(text).replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

let segmenter: Intl.Segmenter | undefined;

/** What people see as one character each. */
function clustersOf(text: string): readonly string[] {
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** At most `length` characters, with an ellipsis. */
export function shorten(text: string, length: number): string {
  const clusters = clustersOf(text);
  return clusters.length <= length ? text : `${clusters.slice(0, Math.max(0, length - 1)).join('')}…`;
}

/** The same of a path, whose end says more than its beginning. */
export function shortenPath(path: string, length: number): string {
  const clusters = clustersOf(path);
  return clusters.length <= length ? path : `…${clusters.slice(clusters.length - Math.max(0, length - 1)).join('')}`;
}
