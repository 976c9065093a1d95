import { problemAt, type Span } from '../text-file.ts';
import { at, itemsOf, type Tree } from '../tree.ts';
import type { Port, PublishedPort } from '../types.ts';
import type { Context } from './context.ts';
import { pair, parsePorts, parseRange, type Unusable } from './ports.ts';
import { isWrittenInteger, isWrittenNumber, textOf } from './scalars.ts';

/** The entries of `ports:`, short and long, ranges written out. Problem: INVALID_PORT. */
export function publishedPorts(service: Tree, context: Context): readonly PublishedPort[] {
  const all = itemsOf(at(service, 'ports')).flatMap((item) => {
    const found = item.kind === 'table' ? longForm(item) : shortForm(item);
    if (!('why' in found)) return found;
    invalid(item.at, textOf(item), found, context);
    return [];
  });
  // a port that is also in a range is one port
  const identity = ({ address = '0.0.0.0', host, container, protocol }: PublishedPort) =>
    `${address}:${host ?? ''}:${container}/${protocol}`;
  return [...new Map(all.map((each) => [identity(each), each])).values()];
}

function shortForm(item: Tree): readonly PublishedPort[] | Unusable {
  const isFraction = item.kind === 'scalar' && isWrittenNumber(item) && !isWrittenInteger(item);
  return isFraction ? { why: 'it is not a whole number' } : parsePorts(textOf(item) ?? '');
}

function invalid(where: Span, text: string | undefined, { why }: Unusable, context: Context): void {
  context.report(
    problemAt(
      where,
      'INVALID_PORT',
      `port ${text === undefined ? '' : `"${text}" `}cannot be read: ${why}`,
      'write "8080", "3000:8080" or "127.0.0.1:3000:8080/tcp"',
    ),
  );
}

function longForm(item: Tree): readonly PublishedPort[] | Unusable {
  const target = parseRange(textOf(at(item, 'target')) ?? '');
  if (!target) return { why: 'target is no port from 0 to 65535' };
  const publishedText = textOf(at(item, 'published'));
  const published = publishedText ? parseRange(publishedText) : undefined;
  if (publishedText && !published) return { why: `published "${publishedText}" is no port from 0 to 65535` };
  return pair(target, published, textOf(at(item, 'host_ip')), textOf(at(item, 'protocol')) ?? 'tcp');
}

/** TCP ports of `expose:`; Compose itself takes anything there, so what is no port is left out. */
export function exposedPorts(service: Tree): readonly Port[] {
  return itemsOf(at(service, 'expose')).flatMap((item) => {
    const [text = '', protocol = 'tcp'] = (textOf(item) ?? '').split('/');
    const range = protocol === 'tcp' ? parseRange(text) : undefined;
    return range ? Array.from({ length: range.last - range.first + 1 }, (_, i) => range.first + i) : [];
  });
}
