import type { Ms } from '../../kit/events.ts';

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
  d: 8.64e7,
  w: 6.048e8,
};

/** Milliseconds of a Compose duration such as `1m30s` or `1.5h` (compose-spec, 11-extension, durations); `0` needs no unit. */
export function durationMs(text: string): Ms | undefined {
  if (text === '0') return 0;
  if (!/^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|[smhdw]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, value, unit] of text.matchAll(/([\d.]+)([a-zµμ]+)/g))
    total += Number(value) * (unitMs[unit ?? ''] ?? Number.NaN);
  return text.startsWith('-') ? -total : total;
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/** Bytes of a Compose size such as `512m`, `1.5gb`, `2GiB` (docker/go-units, RAMInBytes); units are powers of 1024. */
export function byteSize(text: string): number | undefined {
  const found = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?$/i.exec(text);
  const size = Number(found?.[1] ?? Number.NaN) * (unitBytes[(found?.[2] ?? '').toLowerCase()] ?? Number.NaN);
  return size >= 0 ? Math.floor(size) : undefined;
}
