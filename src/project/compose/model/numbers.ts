import type { Ms } from '../../../kit/events.ts';

/** A duration as Go prints it (pkg.go.dev/time, Duration.String): `1m30s`, `1h0m0s`, `1.5s`, `250ms`, `0s`. */
export function durationText(ms: Ms): string {
  const ns = Math.round(Math.abs(ms) * 1e6);
  const sign = ms < 0 ? '-' : '';
  if (ns === 0) return '0s';
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${ns / 1e3}µs`;
  if (ns < 1e9) return `${sign}${ns / 1e6}ms`;
  const seconds = Number(((ns % 60e9) / 1e9).toFixed(9));
  const minutes = Math.floor(ns / 60e9);
  if (minutes === 0) return `${sign}${seconds}s`;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${hours}h${minutes % 60}m${seconds}s`;
}

/** The shortest decimal that is the same number in 32 bits. */
export function single(value: number): number {
  const wanted = Math.fround(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(wanted.toPrecision(digits));
    if (Math.fround(short) === wanted) return short;
  }
  return Number(wanted.toPrecision(9));
}

/** `0` and the octal digits. */
export function modeText(mode: number): string {
  return `0${mode.toString(8)}`;
}
