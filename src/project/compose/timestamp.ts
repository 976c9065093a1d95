import type { Scalar } from '../tree.ts';

/** A plain scalar that go-yaml, and so Compose, takes for a date (yaml.org/type/timestamp.html), as RFC 3339. */
export function timestampOf({ isPlain, value, raw }: Scalar): string | undefined {
  if (!isPlain || typeof value !== 'string' || !/^\d{4}-\d/.test(raw)) return undefined;
  const found =
    /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?(Z|[-+]\d\d:\d\d)?)?$/.exec(
      raw,
    );
  if (!found) return undefined;
  const [, year = '', month = '', day = '', hour = '0', minute = '0', second = '0', part = '', zone = 'Z'] = found;
  const [mm, dd, h, m, s] = [month, day, hour, minute, second].map((each) => each.padStart(2, '0'));
  const isDate = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  const isTime = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
  if (!isDate || !isTime || Number(month) > 12) return undefined;
  const shown = part.replace(/\.?0+$/, '');
  return `${year}-${mm}-${dd}T${h}:${m}:${s}${shown}${/^[-+]00:00$/.test(zone) ? 'Z' : zone}`;
}
