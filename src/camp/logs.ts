import type { Event } from '../kit/events.ts';
import { type LogQuery, type LogRecord, readLogs } from '../kit/log-files.ts';
import { accessRecords } from './access-records.ts';
import { ask } from './client.ts';
import { stateFolders } from './folders.ts';
import { refuseUnknownServices } from './known-services.ts';
import { type LookRequest, readProject } from './look.ts';
import { RequestLines, type WayRecord, wayOf } from './request-way.ts';

export interface LogsRequest extends LookRequest {
  readonly services: readonly string[];
  readonly sinceMs?: number;
  /** `--request`: the whole way of the request with this id. */
  readonly requestId?: string;
  readonly isFollowing: boolean;
  onRecord(record: LogRecord | WayRecord): void;
  readonly signal: AbortSignal;
}

/**
 * What services have written, in the order of time; with `isFollowing`, what they write from now on too. What the edge was
 * asked for is told where just the edge, or just one request, is looked at. Throws UNKNOWN_SERVICE.
 */
export async function logs(request: LogsRequest): Promise<void> {
  process.chdir(request.dir);
  const folders = stateFolders(request.dir);
  if (request.services.length > 0) checkNames(request);
  const query: LogQuery = {
    ...(request.services.length > 0 ? { services: request.services } : {}),
    ...(request.sinceMs === undefined ? {} : { sinceMs: request.sinceMs }),
  };
  const lines = request.requestId === undefined ? undefined : new RequestLines(request.requestId);
  const kept = (): Promise<readonly LogRecord[]> =>
    lines === undefined ? readAll(folders.logs, query) : readWay(folders.logs, query, lines, request.requestId ?? '');
  if (!request.isFollowing) {
    // what services have just said may not be in the files yet
    await ask(folders, 'flush', {}, () => undefined).catch(() => undefined);
    for (const record of await kept()) request.onRecord(record);
    return;
  }
  // what comes while the files are read is kept, so that nothing is missed and nothing shown twice
  let waiting: LogRecord[] | undefined = [];
  let isAttached = (): void => undefined;
  const attached = new Promise<void>((resolve) => {
    isAttached = resolve;
  });
  const following = ask(
    folders,
    'attach',
    {},
    (event) => {
      if ((event as { type: string }).type === 'attached') isAttached();
      const record = recordOf(event);
      if (record && matches(record, query, lines)) waiting ? waiting.push(record) : request.onRecord(record);
    },
    request.signal,
  );
  // where nobody runs the project there is nothing to follow
  await Promise.race([attached, following]);
  const seen = new Set<string>();
  for (const record of await kept()) {
    seen.add(keyOf(record));
    request.onRecord(record);
  }
  for (const record of waiting) if (!seen.has(keyOf(record))) request.onRecord(record);
  waiting = undefined;
  await following;
}

function keyOf({ replica, time, line }: LogRecord): string {
  return `${replica} ${time} ${line}`;
}

function recordOf(event: Event): LogRecord | undefined {
  if (event.type !== 'output') return undefined;
  const { service, replica, stream, line } = event;
  return { time: event.time ?? new Date().toISOString(), service, replica, stream, line };
}

function matches(record: LogRecord, query: LogQuery, lines: RequestLines | undefined): boolean {
  return (query.services?.includes(record.service) ?? true) && (lines?.has(record.line) ?? true);
}

async function readAll(logs: string, query: LogQuery): Promise<readonly LogRecord[]> {
  const records = await readLogs(logs, query);
  if (query.services?.includes('edge') !== true) return records;
  const asked = within(await accessRecords(logs, () => true), query);
  return [...records, ...asked].sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0));
}

/** Lines of which only the trace is the request's are found once the trace is known. */
async function readWay(logs: string, query: LogQuery, lines: RequestLines, id: string): Promise<readonly LogRecord[]> {
  const find = async (text: string): Promise<readonly LogRecord[]> => {
    const said = await readLogs(logs, { ...query, text });
    const asked = await accessRecords(logs, (raw) => raw.includes(text));
    return [...within(asked, query), ...said].filter((record) => lines.has(record.line));
  };
  const found = [...(await find(id))];
  // the same line may have been found by both; a line that was written twice is there twice
  const seen = new Set(found.map(keyOf));
  for (const trace of lines.traces)
    for (const record of await find(trace)) if (!seen.has(keyOf(record))) found.push(record);
  return wayOf(found);
}

function within(records: readonly LogRecord[], { services, sinceMs }: LogQuery): readonly LogRecord[] {
  if (services && !services.includes('edge')) return [];
  return records.filter((record) => sinceMs === undefined || Date.parse(record.time) >= sinceMs);
}

function checkNames(request: LogsRequest): void {
  const { project } = readProject(request);
  refuseUnknownServices(
    project,
    request.services.filter((name) => name !== 'edge'),
  );
}
