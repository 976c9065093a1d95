import { Problem } from './problem.ts';
import type { Handler } from './types.ts';

export interface RouteOptions {
  /** Honours Idempotency-Key: everything the handler writes and its answer are one transaction, done once for each key. */
  readonly idempotent?: boolean;
  /** Where nobody may repeat a request by accident: without the header it is a 400. */
  readonly requireKey?: boolean;
}

export interface Route {
  readonly method: string;
  readonly pattern: string;
  readonly handler: Handler;
  readonly options: RouteOptions;
}

interface Compiled extends Route {
  readonly expression: RegExp;
}

/** `/api/orders/:id` and, at the end, `/*`. The first that fits is taken. */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => { route: Route; params: Record<string, string> } {
  const compiled = routes.map((route): Compiled => ({ ...route, expression: compile(route.pattern) }));
  return (method, path) => {
    const here = compiled.filter(({ expression }) => expression.test(path));
    if (here.length === 0) throw new Problem(404, `nothing at ${path}`);
    const route = here.find((each) => each.method === method) ?? (method === 'HEAD' ? here.find((each) => each.method === 'GET') : undefined);
    if (!route) {
      const allow = [...new Set(here.map((each) => each.method))].join(', ');
      throw new Problem(405, `${path} takes ${allow}`, { headers: { allow } });
    }
    return { route, params: decode(route.expression.exec(path)?.groups ?? {}) };
  };
}

function compile(pattern: string): RegExp {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\/\\\*$/, '(?:/(?<rest>.*))?').replace(/:(\w+)/g, '(?<$1>[^/]+)');
  return new RegExp(`^${source}/?$`);
}

function decode(groups: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value ?? '')]));
  } catch {
    throw new Problem(400, 'the path is not properly encoded');
  }
}
