import { Problem } from './problem.ts';
import type { Handler } from './types.ts';

export interface Route {
  readonly method: string;
  /** `/api/orders/:id` and, at the end, `/*`. The first that fits is taken. */
  readonly pattern: string;
  readonly handler: Handler;
  readonly idempotent: boolean;
}

export function createRouter(routes: readonly Route[]) {
  const compiled = routes.map((route) => ({ route, expression: compile(route.pattern) }));
  return (method: string, path: string): { route: Route; params: Record<string, string> } => {
    const here = compiled.filter(({ expression }) => expression.test(path));
    if (here.length === 0) throw new Problem(404, `nothing at ${path}`);
    const found = here.find(({ route }) => route.method === method || (route.method === 'GET' && method === 'HEAD'));
    if (!found) {
      const allow = [...new Set(here.map(({ route }) => route.method))].join(', ');
      throw new Problem(405, `${path} takes ${allow}`, { headers: { allow } });
    }
    try {
      const params = Object.entries(found.expression.exec(path)?.groups ?? {});
      const decoded = params.map(([name, value = '']) => [name, decodeURIComponent(value)]);
      return { route: found.route, params: Object.fromEntries(decoded) };
    } catch {
      throw new Problem(400, 'the path is not properly encoded');
    }
  };
}

function compile(pattern: string): RegExp {
  const literal = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replace(/\/\\\*$/, '(?:/(?<rest>.*))?').replace(/:(\w+)/g, '(?<$1>[^/]+)')}/?$`);
}
