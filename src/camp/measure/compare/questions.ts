import type { Host, Rule, Site } from '../../../edge/rivals/types.ts';
import type { Question } from './ask.ts';

/** A request for one rule of the site. */
export interface RouteQuestion extends Question {
  readonly name: string;
  readonly rule: Rule;
}

/** One for each rule: the shortest path that it answers for. */
export function routeQuestions(site: Site): readonly RouteQuestion[] {
  return site.hosts.flatMap((host) =>
    host.rules.map((rule) => {
      const at = { host: nameOf(host), isTls: host.isTls, path: rule.pattern.path };
      return { ...at, rule, name: `GET ${at.isTls ? 'https' : 'http'}://${at.host}${at.path}` };
    }),
  );
}

/** A name that a visitor could use: a pattern stands for all below it. */
export function nameOf({ names }: Host): string {
  const name = names.find((each) => !each.startsWith('*.')) ?? names[0] ?? 'localhost';
  return name.replace(/^\*\./, 'www.');
}

/** A path below that of the rule, with a query, and as the service is to see it. */
export function deeper(rule: Rule): { readonly sent: string; readonly seen: string } {
  const { kind, path } = rule.pattern;
  const sent = kind === 'exact' ? `${path}?a=1%202` : `${path.endsWith('/') ? path : `${path}/`}probe/x?a=1%202`;
  const rest = sent.slice(rule.strip.length);
  return { sent, seen: rest.startsWith('/') ? rest : `/${rest}` };
}
