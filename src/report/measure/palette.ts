/** The colours of a page and of a chart, in light and in dark: the same as those of the pages that camp's starters have. */
export interface Colours {
  readonly ink: string;
  readonly soft: string;
  readonly paper: string;
  readonly card: string;
  readonly line: string;
  readonly accent: string;
  /** What is there, and not what matters: other phases, generated files. At least 3:1 on a card. */
  readonly quiet: string;
  readonly warn: string;
  /** One for each of the first machines of a history. */
  readonly series: readonly [string, string, string, string];
}

export const light: Colours = {
  ink: '#17211b',
  soft: '#55615a',
  paper: '#f7f6f1',
  card: '#ffffff',
  line: '#dcdcd2',
  accent: '#1d6b43',
  quiet: '#87948b',
  warn: '#a1360d',
  series: ['#1d6b43', '#2b5fb5', '#a1530d', '#7a43b0'],
};

export const dark: Colours = {
  ink: '#e9efe9',
  soft: '#a3b0a8',
  paper: '#131916',
  card: '#1b2420',
  line: '#2e3a34',
  accent: '#6fd6a0',
  quiet: '#6b7c72',
  warn: '#ffab87',
  series: ['#6fd6a0', '#8fb8ff', '#f0b070', '#c9a6f5'],
};

/** What charts are drawn with; in an SVG by itself and in a page alike. */
export function chartRules(colours: Colours): string {
  const { ink, soft, line, accent, quiet, series } = colours;
  return [
    `.t{fill:${ink}}`,
    `.s{fill:${soft}}`,
    `.g{stroke:${line}}`,
    `.a{fill:${accent}}`,
    `.al{stroke:${accent}}`,
    `.q{fill:${quiet}}`,
    `.ql{stroke:${quiet}}`,
    ...series.flatMap((colour, at) => [`.m${at}{fill:${colour}}`, `.l${at}{stroke:${colour}}`]),
  ].join('');
}
