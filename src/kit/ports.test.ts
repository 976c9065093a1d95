import fc from 'fast-check';
import { expect, it } from 'vitest';
import { leasePort, servicePorts } from './ports.ts';

it('keeps the port a key had, as long as it is free', () => {
  expect(leasePort('a', 21_000, new Set())).toBe(21_000);
  expect(leasePort('a', 21_000, new Set([21_000]))).not.toBe(21_000);
});

it('gives the same port to the same key, below the ephemeral range, and never a taken one', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.uniqueArray(fc.integer({ min: servicePorts.first, max: servicePorts.last }), { maxLength: 50 }),
      (key, taken) => {
        const port = leasePort(key, undefined, new Set(taken));
        expect(port).toBe(leasePort(key, undefined, new Set(taken)));
        expect(port).toBeGreaterThanOrEqual(servicePorts.first);
        expect(port).toBeLessThan(32_768);
        expect(taken).not.toContain(port);
      },
    ),
  );
});

it('gives up when nothing is free', () => {
  const all = new Set(
    Array.from({ length: servicePorts.last - servicePorts.first + 1 }, (_, i) => servicePorts.first + i),
  );
  expect(leasePort('a', undefined, all)).toBeUndefined();
});
