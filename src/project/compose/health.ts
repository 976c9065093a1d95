import { problemAt } from '../text-file.ts';
import { at, isNull, itemsOf, type Tree } from '../tree.ts';
import type { Health, Port, Probe } from '../types.ts';
import { splitWords } from '../words.ts';
import type { Context } from './context.ts';
import { flagOf, numberOf, textOf } from './scalars.ts';
import { durationMs } from './units.ts';

/**
 * A service's `healthcheck` with Compose's defaults: 30 s, 30 s, 3 retries (compose-spec, 05-services).
 * Undefined where there is none or it is switched off. `ports` are the ports that the service declares;
 * a test of another port stays a command.
 */
export function healthOf(service: Tree, ports: ReadonlySet<Port>, context: Context): Health | undefined {
  const check = at(service, 'healthcheck');
  if (!check || isNull(check) || flagOf(at(check, 'disable'))) return undefined;
  const test = at(check, 'test');
  const words = test && testWords(test);
  if (test && words === undefined)
    context.report(
      problemAt(
        test.at,
        'INVALID_HEALTHCHECK',
        'a test in a list begins with CMD, CMD-SHELL or NONE',
        'write test: ["CMD", "program", "argument"]',
      ),
    );
  if (!words || words[0] === 'NONE') return undefined;
  return {
    probe: probeOf(words, ports),
    intervalMs: duration(check, 'interval') ?? 30_000,
    timeoutMs: duration(check, 'timeout') ?? 30_000,
    retries: Math.max(1, numberOf(at(check, 'retries')) ?? 3),
    startPeriodMs: duration(check, 'start_period') ?? 0,
  };
}

function duration(check: Tree, key: string): number | undefined {
  return durationMs(textOf(at(check, key)) ?? 'none');
}

/** The test in its list form, undefined where it is none; an empty list switches off. */
function testWords(test: Tree): readonly string[] | undefined {
  if (test.kind === 'scalar') return ['CMD-SHELL', textOf(test) ?? ''];
  const words = itemsOf(test).map((item) => textOf(item) ?? '');
  if (words.length === 0) return ['NONE'];
  return ['CMD', 'CMD-SHELL', 'NONE'].includes(words[0] ?? '') ? words : undefined;
}

function probeOf([kind, ...rest]: readonly string[], ports: ReadonlySet<Port>): Probe {
  const argv = kind === 'CMD' ? rest : ['/bin/sh', '-c', rest.join(' ')];
  const path = askedPath(kind === 'CMD' ? rest : splitWords(rest.join(' ')), ports);
  return path === undefined ? { kind: 'exec', argv } : { kind: 'http', path };
}

/** Programs whose only purpose in a test is to ask one URL. */
const askers = /^(?:.*\/)?(?:curl|wget|node|nodejs|bun|deno|python|python3)$/;
const localUrl =
  /http:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d+|\$\{?\w+(?::-\d+)?\}?))?(\/[^\s'"`)]*)?/g;

/**
 * The path that a test asks of the service itself, so that the same question can be asked of a process on
 * whatever port it has. Undefined for everything but one plain request.
 */
function askedPath(words: readonly string[] | undefined, ports: ReadonlySet<Port>): string | undefined {
  if (!words || !askers.test(words[0] ?? '')) return undefined;
  const tail = words
    .slice(1)
    .join(' ')
    .replace(/\s*\|\|\s*(?:exit \d+|false|kill [^|&;]*)\s*;?$/, '');
  if (
    /curl|wget/.test(words[0] ?? '') &&
    /[|&;<>`]|\$\(|(?:^|\s)(?:-X|--request|-d|--data\S*|--post-data\S*|-H|--header\S*|-u|--unix-socket)(?:\s|=|$)/.test(
      tail.replace(localUrl, ' '),
    )
  )
    return undefined;
  const urls = [
    ...tail.replace(/(^|\s)((?:localhost|127\.0\.0\.1)(?::\d+)?(?:\/\S*)?)(?=\s|$)/g, '$1http://$2').matchAll(localUrl),
  ];
  const [url] = urls;
  if (!url || urls.length > 1) return undefined;
  const port = Number(url[1]);
  if (
    url[1] === undefined ? ports.size > 0 && !ports.has(80) : !Number.isNaN(port) && ports.size > 0 && !ports.has(port)
  )
    return undefined;
  return url[2] ?? '/';
}
