import { failure, type Problem } from '../../kit/failure.ts';

/**
 * A path as `--route` takes it, without a trailing slash or star: `/orders`, or `/` for the whole site.
 * INVALID_ROUTE where Caddy or a URL would read something else than the person meant.
 */
export function parseRoute(given: string): { readonly path: string } | { readonly problem: Problem } {
  const path = given.replace(/\/\*$/, '').replace(/(?<=.)\/+$/, '') || '/';
  const why = !given.startsWith('/')
    ? 'does not begin with a slash'
    : given.length > 200
      ? 'is longer than 200 characters'
      : path.includes('//') || path.split('/').some((part) => part === '.' || part === '..')
        ? 'holds an empty part, "." or ".."'
        : /^[/A-Za-z0-9._~-]+$/.test(path)
          ? undefined
          : 'may hold only letters, digits and . _ ~ - between slashes';
  if (!why) return { path };
  const clean = `/${given
    .split('/')
    .map((part) => part.replace(/[^A-Za-z0-9._~-]+/g, ''))
    .filter((part) => part && !/^\.+$/.test(part))
    .join('/')}`;
  return {
    problem: failure('usage', 'INVALID_ROUTE', `route ${JSON.stringify(given)} ${why}`, {
      hints: [`--route ${clean}`],
    }) as Problem,
  };
}
