import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** ELF e_machine (System V ABI) and Mach-O cputype by Node's name of the architecture. */
const elfMachines: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const machCpus: Readonly<Record<string, number>> = { x64: 0x01000007, arm64: 0x0100000c };

/**
 * Why a file cannot be a program of this machine, or undefined where it may be one: it is whole and for this
 * processor. Looks at the headers only, so that a broken download is refused without being run.
 */
export function binaryProblem(
  path: string,
  platform: string = process.platform,
  arch: string = process.arch,
): string | undefined {
  const head = Buffer.alloc(4096);
  let size: number;
  let length: number;
  const fd = openSync(path, 'r');
  try {
    size = fstatSync(fd).size;
    length = readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  if (head.toString('latin1', 0, 2) === '#!') return undefined; // a wrapper script: what it says of itself decides
  if (length < 64) return 'truncated';
  return platform === 'darwin' ? machProblem(head, arch) : elfProblem(head, size, arch);
}

function elfProblem(head: Buffer, size: number, arch: string): string | undefined {
  if (head.readUInt32BE(0) !== 0x7f454c46) return 'not a program of this system';
  const machine = elfMachines[arch];
  if (machine !== undefined && head.readUInt16LE(18) !== machine) return `for another processor than ${arch}`;
  // Each program header says which part of the file is loaded: e_phoff, e_phentsize, e_phnum.
  const offset = Number(head.readBigUInt64LE(32));
  const entrySize = head.readUInt16LE(54);
  for (let i = 0; i < head.readUInt16LE(56); i++) {
    const at = offset + i * entrySize;
    if (at + 40 > head.length) break;
    if (Number(head.readBigUInt64LE(at + 8) + head.readBigUInt64LE(at + 32)) > size) return 'truncated';
  }
  return undefined;
}

function machProblem(head: Buffer, arch: string): string | undefined {
  if (head.readUInt32BE(0) === 0xcafebabe) return undefined; // for several processors
  if (head.readUInt32LE(0) !== 0xfeedfacf) return 'not a program of this system';
  return head.readUInt32LE(4) === machCpus[arch] ? undefined : `for another processor than ${arch}`;
}
