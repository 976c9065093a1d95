import { at, type Tree } from '../../tree.ts';
import { textOf } from '../scalars.ts';
import { mapping } from './pairs.ts';
import { type Fields, listOf, type Print, struct, text, texts } from './print.ts';
import type { JsonMap } from './types.ts';

/** -1 is all of them. */
const count: Print = (tree) => {
  const written = textOf(tree) ?? '';
  return (written.toLowerCase() === 'all' ? -1 : Math.trunc(Number(written))) || undefined;
};

export const requestFields: Fields = { capabilities: texts, driver: text, count, device_ids: texts, options: mapping };
const request = struct(requestFields);

/** Devices of the machine that a driver picks; all of them where neither their number nor their ids are given. */
export const deviceRequests: Print = listOf((item, context) => {
  const printed = request(item, context) as JsonMap;
  return isOpen(item) ? { ...printed, count: -1 } : printed;
});

function isOpen(item: Tree): boolean {
  return at(item, 'count') === undefined && at(item, 'device_ids') === undefined;
}

/** `all`, or a list of requests. */
export const gpus: Print = (tree, context) => (tree.kind === 'list' ? deviceRequests(tree, context) : [{ count: -1 }]);
