import { parseArgs } from 'node:util';
import { type SharedFlags, sharedFlags } from './shared-flags.ts';
import type { UpFlags } from './up-run.ts';

/**
 * The words of a plain `camp up`, without oclif: loading it would cost a tenth of the time to the first request.
 * Undefined for help and for anything unusual, wrong words above all, which oclif then judges (up.ts has the table).
 */
export function parseUpWords(
  words: readonly string[],
): { readonly shared: SharedFlags; readonly flags: UpFlags; readonly services: readonly string[] } | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      strict: true,
      options: {
        json: { type: 'boolean' },
        color: { type: 'boolean' },
        'no-color': { type: 'boolean' },
        dir: { type: 'string', short: 'C' },
        file: { type: 'string', short: 'f', multiple: true },
        profile: { type: 'string', multiple: true },
        docker: { type: 'boolean' },
        detach: { type: 'boolean', short: 'd' },
        native: { type: 'boolean' },
        port: { type: 'string' },
        watch: { type: 'boolean' },
        'no-watch': { type: 'boolean' },
        timeout: { type: 'string' },
        open: { type: 'boolean' },
      },
    });
    const port = wholeNumber(values.port, 1, 65_535);
    const timeout = wholeNumber(values.timeout ?? '60', 1, Number.MAX_SAFE_INTEGER);
    if (timeout === undefined || (values.port !== undefined && port === undefined)) return undefined;
    if (values.docker && values.native) return undefined;
    const color = values['no-color'] ? false : values.color;
    return {
      shared: sharedFlags({ ...values, color }),
      flags: {
        detach: values.detach === true,
        docker: values.docker === true,
        native: values.native === true,
        watch: values['no-watch'] !== true,
        timeout,
        open: values.open === true,
        ...(port === undefined ? {} : { port }),
      },
      services: positionals,
    };
  } catch {
    return undefined;
  }
}

function wholeNumber(text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value >= least && value <= most ? value : undefined;
}
