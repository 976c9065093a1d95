import type { Socket } from 'node:net';

/** More than the head of a request that names its host needs. */
const maxHead = 16 * 1024;

/**
 * The name that the first request of a connection asks for, `api` of `Host: api:8080`, in lower case; what was read for
 * that is put back. Undefined for what is not HTTP/1, ends before, or says nothing for `ms`: the caller closes it.
 */
export function askedHost(client: Socket, ms = 10_000): Promise<string | undefined> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0);
    const timer = setTimeout(() => end(undefined), ms);
    const take = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const text = head.toString('latin1');
      const host = /^[A-Z]+ \S+ HTTP\/1\.[01]\r\n(?:[^\r\n]+\r\n)*?host:[ \t]*([^\s:]+)(?::\d+)?[ \t]*\r\n/i.exec(
        text,
      )?.[1];
      if (host !== undefined) end(host.toLowerCase());
      else if (head.length > maxHead || text.includes('\r\n\r\n') || !/^[A-Z]/.test(text)) end(undefined);
    };
    const gone = (): void => end(undefined);
    const end = (host: string | undefined): void => {
      clearTimeout(timer);
      client.off('data', take).off('end', gone).off('error', gone).off('close', gone).pause();
      if (head.length > 0 && !client.readableEnded) client.unshift(head);
      resolve(host);
    };
    client.on('data', take).on('end', gone).on('error', gone).on('close', gone).resume();
  });
}
