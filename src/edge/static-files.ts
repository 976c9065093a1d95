import type { JsonObject } from './json.ts';

/**
 * A service that is only files, served by the edge itself: index files, no listing of folders, nothing
 * whose name begins with a dot (but `.well-known`). `prefix` is cut off the path first. Browsers must ask
 * again each time, so that a saved file is seen.
 */
export function fileServer(root: string, prefix: string): JsonObject {
  return {
    handler: 'subroute',
    routes: [
      ...(prefix === '' ? [] : [{ handle: [{ handler: 'rewrite', strip_path_prefix: prefix }] }]),
      {
        match: [{ path: ['*/.*'], not: [{ path: ['/.well-known/*'] }] }],
        handle: [{ handler: 'static_response', status_code: 404, headers: { 'Cache-Control': ['no-cache'] } }],
        terminal: true,
      },
      {
        handle: [
          { handler: 'headers', response: { set: { 'Cache-Control': ['no-cache'] } } },
          { handler: 'file_server', root, index_names: ['index.html', 'index.txt'] },
        ],
      },
    ],
  };
}
