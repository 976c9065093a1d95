import { appendFileSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAccessLine } from '../edge/access-log.ts';
import type { EdgeSetup } from '../edge/types.ts';
import { type LogRecord, openOnce } from '../kit/log-files.ts';
import { isWritable } from '../kit/paths.ts';

/** The file of the edge's access log, and one before it that Caddy has set aside. */
const fileName = 'edge.log';
const anyFile = /^edge(?:-.+)?\.log$/;

/** Where the edge logs its requests; nowhere when the folder is not as it should be: that is no reason not to serve. */
export function accessLogIn(logs: string): Pick<EdgeSetup, 'accessLog' | 'onAccess'> {
  const file = join(logs, fileName);
  const isUsable = existsSync(file) ? statSync(file).isFile() && isWritable(file) : isWritable(logs);
  if (!isUsable) return {};
  return {
    accessLog: file,
    onAccess(line) {
      try {
        appendFileSync(file, `${line}\n`, { mode: 0o600 });
      } catch {
        // a full disk costs the line, not the request
      }
    },
  };
}

/** The requests that the edge has answered, as records of its log: at the time at which each came. */
export async function accessRecords(logs: string, isWanted: (raw: string) => boolean): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  for (const file of await openOnce(pathsIn(logs))) {
    for await (const raw of file.readLines()) {
      const entry = isWanted(raw) ? parseAccessLine(raw) : undefined;
      if (!entry) continue;
      const { beganAt, requestId, traceId, upstream, upstreamStatus: _, ...request } = entry;
      const time = new Date(beganAt).toISOString();
      const line = {
        time,
        level: 'info',
        service: 'edge',
        msg: 'request',
        traceId,
        requestId,
        ...request,
        ...(upstream ? { upstream } : {}),
      };
      records.push({ time, service: 'edge', replica: 'edge', stream: 'stdout', line: JSON.stringify(line) });
    }
  }
  return records;
}

/** The present one first, as `openOnce` wants it; the others are looked for when it is open. */
function* pathsIn(logs: string): Iterable<string> {
  yield join(logs, fileName);
  if (existsSync(logs)) for (const name of readdirSync(logs)) if (anyFile.test(name)) yield join(logs, name);
}
