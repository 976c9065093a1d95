import type { LookupFunction } from 'node:net';

/** Resolves every name to 127.0.0.1: Node does not know `*.localhost` (RFC 6761, 6.3), and every project is on this machine anyway. */
export const lookupLoopback: LookupFunction = (_name, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};
