import { describe, expect, test } from 'vitest';
import { lookAtMemory, type MemoryView, memoryByOwner } from './memory.ts';

/** `pid ppid pgid`, each with its pid in bytes. */
function view(...lines: readonly string[]): MemoryView {
  const processes = lines.map((line) => {
    const [pid = 0, ppid = 0, pgid = 0] = line.split(' ').map(Number);
    return { pid, ppid, pgid };
  });
  return { processes, memoryOf: (pid) => pid };
}

const roots = new Map([
  [10, 'camp'],
  [100, 'api'],
  [200, 'db'],
]);

describe('memoryByOwner', () => {
  test('a service has what it has started, and camp only itself and its helpers', () => {
    const sums = memoryByOwner(
      roots,
      view('10 1 10', '11 10 11', '100 10 100', '101 100 100', '102 101 102', '200 10 200'),
    );
    expect(Object.fromEntries(sums)).toEqual({ camp: 21, api: 303, db: 200 });
  });

  test('a process whose parent has ended is found by its group', () => {
    const sums = memoryByOwner(roots, view('100 10 100', '150 1 100'));
    expect(sums.get('api')).toBe(250);
  });

  test('what is nobody’s counts for nobody, and who is not there is absent', () => {
    expect(memoryByOwner(roots, view('1 0 1', '500 1 500')).size).toBe(0);
  });

  test('a circle of parents ends', () => {
    expect(memoryByOwner(roots, view('7 8 7', '8 7 8')).size).toBe(0);
  });
});

test('this very process uses memory, and is in the look', () => {
  const look = lookAtMemory();
  expect(look.processes.map((one) => one.pid)).toContain(process.pid);
  const sums = memoryByOwner(new Map([[process.pid, 'me']]), look);
  expect(sums.get('me')).toBeGreaterThan(10_000_000);
});
