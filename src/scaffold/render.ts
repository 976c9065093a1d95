import { quotes } from './quote.ts';

/** Values of a template: every hole must be filled, a missing one is an error. */
export type Values = Readonly<Record<string, unknown>>;
export type Render = (template: string, values: Values) => string;

let loaded: Promise<Render> | undefined;

/** The one door to handlebars, which is loaded when the first template is rendered. */
export function loadRender(): Promise<Render> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Render> {
  const { default: handlebars } = await import('handlebars');
  const own = handlebars.create();
  for (const [name, quote] of Object.entries(quotes))
    own.registerHelper(name, (value: unknown) => quote(String(value)));
  const known = Object.fromEntries(Object.keys(quotes).map((name) => [name, true]));
  return (template, values) =>
    own.compile(template, { strict: true, noEscape: true, knownHelpers: known, knownHelpersOnly: true })(values);
}
