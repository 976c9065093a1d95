import type { Event } from '../kit/events.ts';
import { fail } from '../kit/failure.ts';
import { type LogQuery, type LogRecord, readLogs } from '../kit/log-files.ts';
import { ask } from './client.ts';
import { stateFolders } from './folders.ts';
import { type LookRequest, readProject } from './look.ts';

export interface LogsRequest extends LookRequest {
  readonly services: readonly string[];
  readonly sinceMs?: number;
  /** A request's id. */
  readonly text?: string;
  readonly isFollowing: boolean;
  onRecord(record: LogRecord): void;
  readonly signal: AbortSignal;
}

/** What services have written, in the order of time; with `isFollowing`, what they write from now on too. Throws UNKNOWN_SERVICE. */
export async function logs(request: LogsRequest): Promise<void> {
  process.chdir(request.dir);
  const folders = stateFolders(request.dir);
  if (request.services.length > 0) checkNames(request);
  const query: LogQuery = {
    ...(request.services.length > 0 ? { services: request.services } : {}),
    ...(request.sinceMs === undefined ? {} : { sinceMs: request.sinceMs }),
    ...(request.text === undefined ? {} : { text: request.text }),
  };
  if (!request.isFollowing) {
    for (const record of await readLogs(folders.logs, query)) request.onRecord(record);
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
      if (record && matches(record, query)) waiting ? waiting.push(record) : request.onRecord(record);
    },
    request.signal,
  );
  // where nobody runs the project there is nothing to follow
  await Promise.race([attached, following]);
  const seen = new Set<string>();
  for (const record of await readLogs(folders.logs, query)) {
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

function matches(record: LogRecord, query: LogQuery): boolean {
  return (
    (query.services?.includes(record.service) ?? true) && (query.text === undefined || record.line.includes(query.text))
  );
}

function checkNames(request: LogsRequest): void {
  const { project } = readProject(request);
  for (const name of request.services)
    if (name !== 'edge' && !project.services.has(name))
      fail('usage', 'UNKNOWN_SERVICE', `there is no service "${name}" in ${project.name}`, {
        hints: [`services: ${[...project.services.keys(), 'edge'].join(', ')}`],
      });
}
