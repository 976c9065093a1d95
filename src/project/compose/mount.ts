/** A mount in short form: `[source:]target[:options]` (compose-spec, 05-services, volumes, short syntax). */
export interface ShortMount {
  readonly kind: 'bind' | 'volume';
  readonly source?: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly isUncopied: boolean;
  readonly propagation?: string;
  readonly selinux?: string;
}

const propagations: ReadonlySet<string> = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave']);

/** Reads a mount as Compose does: a letter before a colon is a drive of Windows, unknown options count for nothing. */
export function parseMount(text: string): ShortMount | { readonly why: string } {
  const plain = { isReadOnly: false, isUncopied: false };
  if (text === '') return { why: 'it is empty' };
  // Go counts bytes
  if (Buffer.byteLength(text) < 3) return { kind: 'volume', target: text, ...plain };
  const parts = sections(text);
  if (parts.includes('')) return { why: 'nothing stands between two colons' };
  if (parts.length > 3) return { why: 'there are too many colons' };
  const [first = '', second, options = ''] = parts;
  if (second === undefined) return { kind: 'volume', target: first, ...plain };
  const words = options.split(',');
  const propagation = words.findLast((each) => propagations.has(each));
  const selinux = words.findLast((each) => each === 'z' || each === 'Z');
  return {
    kind: isPath(first) ? 'bind' : 'volume',
    source: first,
    target: second,
    isReadOnly: words.findLast((each) => each === 'ro' || each === 'rw') === 'ro',
    isUncopied: words.includes('nocopy'),
    ...(propagation ? { propagation } : {}),
    ...(selinux ? { selinux } : {}),
  };
}

function sections(text: string): readonly string[] {
  const parts = [''];
  for (const char of text) {
    const last = parts.at(-1) ?? '';
    if (char === ':' && !/^\p{L}$/u.test(last)) parts.push('');
    else parts[parts.length - 1] = last + char;
  }
  return parts;
}

function isPath(source: string): boolean {
  return /^(?:[./~]|\\\\|\p{L}:)/u.test(source);
}
