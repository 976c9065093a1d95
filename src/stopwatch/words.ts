import type { BudgetResult } from './types.ts';

/** An amount as a person reads it: `312 ms`, `4.20 s`, `712 MB`, `3 requests`, `1 run`. */
export function inWords(amount: number, unit: BudgetResult['unit'] | 'run'): string {
  switch (unit) {
    case 'ms':
      return amount < 999.5 ? `${rounded(amount, amount < 9.95 ? 1 : 0)} ms` : `${(amount / 1000).toFixed(2)} s`;
    case 'bytes':
      return bytesInWords(amount);
    case 'count':
      return rounded(amount, 1);
    case 'requests':
      return `${rounded(amount, 1)} ${amount === 1 ? 'request' : 'requests'}`;
    case 'run':
      return `${amount} ${amount === 1 ? 'run' : 'runs'}`;
  }
}

/** Powers of 1000, as `camp ps` shows memory. */
function bytesInWords(amount: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = amount < 1 ? 0 : Math.min(names.length - 1, Math.floor(Math.log10(amount) / 3));
  const scaled = amount / 1000 ** power;
  return `${rounded(scaled, scaled < 10 && power > 0 ? 1 : 0)} ${names[power]}`;
}

function rounded(amount: number, digits: number): string {
  return String(Number(amount.toFixed(digits)));
}
