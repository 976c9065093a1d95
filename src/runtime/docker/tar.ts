const block = 512;
/** What the seven octal digits of a header hold. */
const largestId = 0o7777777;

/** One regular file of an archive. */
export interface TarFile {
  /** Without a leading slash. */
  readonly name: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
}

/** A tar archive (POSIX ustar; IEEE Std 1003.1, pax, for what does not fit into its fields) of regular files. */
export function tarOf(files: readonly TarFile[]): Buffer {
  return Buffer.concat([...files.flatMap(member), Buffer.alloc(2 * block)]);
}

function member(file: TarFile): readonly Uint8Array[] {
  const more = extended(file);
  const name = more.length > 0 ? file.name.slice(-90) : file.name;
  return [
    ...(more.length > 0 ? [header({ ...file, name: 'pax', content: more, uid: 0, gid: 0 }, 'x'), ...padded(more)] : []),
    header({ ...file, name, uid: Math.min(file.uid, largestId), gid: Math.min(file.gid, largestId) }, '0'),
    ...padded(file.content),
  ];
}

/** Records of `length key=value`, where the length counts itself. */
function extended({ name, uid, gid }: TarFile): Buffer {
  const records: string[] = [];
  const add = (key: string, value: string | number): void => {
    const rest = ` ${key}=${value}\n`;
    const size = Buffer.byteLength(rest);
    let digits = 1;
    while (String(size + digits).length > digits) digits++;
    records.push(`${size + digits}${rest}`);
  };
  if (Buffer.byteLength(name) > 100 || /[^\x20-\x7e]/.test(name)) add('path', name);
  if (uid > largestId) add('uid', uid);
  if (gid > largestId) add('gid', gid);
  return Buffer.from(records.join(''));
}

function header({ name, content, mode, uid, gid, mtimeMs }: TarFile, type: '0' | 'x'): Buffer {
  const bytes = Buffer.alloc(block);
  const octal = (value: number, at: number, digits: number): void => {
    bytes.write(value.toString(8).padStart(digits, '0'), at);
  };
  bytes.write(name.replace(/[^\x20-\x7e]/g, '_'), 0, 100);
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(content.length, 124, 11);
  octal(Math.max(0, Math.floor(mtimeMs / 1000)), 136, 11);
  bytes.fill(' ', 148, 156);
  bytes.write(type, 156);
  bytes.write('ustar\x0000', 257);
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  bytes[154] = 0;
  return bytes;
}

function padded(content: Uint8Array): readonly Uint8Array[] {
  return [content, Buffer.alloc((block - (content.length % block)) % block)];
}
