import { execFile } from 'node:child_process';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway, type Gateway, type ProcessPort } from '../../src/runtime/wiring/gateway.ts';
import { engineForTests } from '../rig/docker.ts';

const run = promisify(execFile);
const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function listen<S extends Server | HttpServer>(server: S, host = '127.0.0.1', port = 0): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  closers.push(() => {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  });
}

function gatewayOf(
  processes: ReadonlyMap<string, ProcessPort>,
  addresses: readonly string[],
  subnets: readonly string[],
): Gateway {
  const gateway = createGateway({ addresses, subnets: () => subnets, processes: () => processes });
  closers.push(() => gateway.close());
  return gateway;
}

/** Everything that comes, or the code of the error. */
function talk(host: string, port: number, say: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.end(say);
  });
}

// every address of 127.0.0.0/8 is this machine on Linux: one plays the bridge
describe.runIf(process.platform === 'linux')('a relay on an address of its own', () => {
  const bridge = '127.9.9.1';

  it('passes on what is said after the other side has ended, as much as it is', async () => {
    const size = 20_000_000;
    const port = await listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        let heard = 0;
        socket.on('data', (chunk: Buffer) => {
          heard += chunk.length;
        });
        socket.on('end', () => socket.end(`${heard} ${'x'.repeat(size)}`));
      }),
    );
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['127.0.0.0/8']);
    await gateway.update();
    expect(gateway.listening()).toEqual([`${bridge}:${port}`]);
    const answer = await talk(bridge, port, Buffer.alloc(size));
    expect([answer.slice(0, 9), answer.length]).toEqual([`${size} `, 9 + size]);
  });

  it('reads no faster than the other side takes it', async () => {
    let server: Socket | undefined;
    const port = await listen(createServer({ pauseOnConnect: true }, (socket) => void (server = socket)));
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['127.0.0.0/8']);
    await gateway.update();
    const client = connect({ host: bridge, port });
    closers.push(() => client.destroy());
    let said = 0;
    const chunk = Buffer.alloc(1_000_000);
    // the buffers of two kernel sockets and two streams are far below this
    for (let i = 0; i < 400 && client.write(chunk); i++) said += chunk.length;
    for (let quiet = 0, before = -1; quiet < 10; ) {
      await delay(20);
      quiet = client.bytesWritten - client.writableLength === before ? quiet + 1 : 0;
      before = client.bytesWritten - client.writableLength;
      if (client.writableLength === 0 && said < 400_000_000) {
        client.write(chunk);
        said += chunk.length;
      }
    }
    expect(client.writableLength).toBeGreaterThan(0);
    server?.resume();
    while (client.writableLength > 0) await delay(5);
  });

  it('refuses who is of another network', async () => {
    let asked = 0;
    const port = await listen(createServer((socket) => void (asked++, socket.end('hello'))));
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['172.18.0.0/16', 'nonsense', '1.2.3.4/99x']);
    await gateway.update();
    expect(await talk(bridge, port, 'x')).toBe('ECONNRESET');
    expect(asked).toBe(0);
  });

  it('never listens on all addresses, nor on public ones', async () => {
    const port = await listen(createServer());
    const gateway = gatewayOf(
      new Map([['api', { port }]]),
      ['0.0.0.0', '::', '8.8.8.8', '', 'docker0'],
      ['127.0.0.0/8'],
    );
    await gateway.update();
    expect(gateway.listening()).toEqual([]);
  });

  it('outlives a process, and dials the next one', async () => {
    const first = createServer((socket) => socket.end('first'));
    const port = await listen(first);
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['127.0.0.0/8']);
    await gateway.update();
    expect(await talk(bridge, port, '')).toBe('first');
    await new Promise((resolve) => first.close(resolve));
    expect(await talk(bridge, port, '')).toBe('ECONNRESET');
    await listen(
      createServer((socket) => socket.end('second')),
      '127.0.0.1',
      port,
    );
    expect(await talk(bridge, port, '')).toBe('second');
  });

  it('leaves a port to the process that took it on all addresses, also while that restarts', async () => {
    const wide = createServer((socket) => socket.end('itself'));
    const port = await listen(wide, '0.0.0.0');
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['127.0.0.0/8']);
    await gateway.update();
    expect(gateway.listening()).toEqual([]);
    expect(await talk(bridge, port, '')).toBe('itself');
    await new Promise((resolve) => wide.close(resolve));
    await gateway.update();
    await listen(
      createServer((socket) => socket.end('again')),
      '0.0.0.0',
      port,
    );
    expect(await talk(bridge, port, '')).toBe('again');
  });

  it('takes the port that files in containers name', async () => {
    const port = await listen(createServer((socket) => socket.end('a')));
    const containerPort = await freePort();
    const processes = new Map<string, ProcessPort>([['a', { port, containerPort }]]);
    const gateway = gatewayOf(processes, [bridge], ['127.0.0.0/8']);
    await gateway.update();
    expect(await talk(bridge, containerPort, '')).toBe('a');
    processes.clear();
    await gateway.update();
    expect(await talk(bridge, containerPort, '')).toBe('ECONNREFUSED');
  });

  it('lets the host that is asked for decide where several processes have one port in their containers', async () => {
    const says = (word: string) =>
      createHttpServer(async (request, response) => {
        let bytes = 0;
        for await (const chunk of request) bytes += (chunk as Buffer).length;
        response.setHeader('connection', 'close').end(`${word} ${bytes}`);
      });
    const containerPort = await freePort();
    const processes = new Map<string, ProcessPort>([
      ['Api', { port: await listen(says('api')), containerPort }],
      ['web', { port: await listen(says('web')), containerPort, aliases: ['www'] }],
    ]);
    const gateway = gatewayOf(processes, [bridge], ['127.0.0.0/8']);
    await gateway.update();
    const ask = (host: string, body = ''): Promise<string> =>
      talk(
        bridge,
        containerPort,
        `POST / HTTP/1.1\r\nAccept: */*\r\nHost: ${host}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    expect(await ask(`api:${containerPort}`)).toMatch(/\r\n\r\napi 0$/);
    expect(await ask('API', 'x'.repeat(1_000_000))).toMatch(/\r\n\r\napi 1000000$/);
    expect(await ask(`www:${containerPort}`, 'x')).toMatch(/\r\n\r\nweb 1$/);
    for (const stranger of ['db', 'api.web', '']) expect(await ask(stranger), stranger).toBe('ECONNRESET');
    for (const words of ['', 'PING\r\n', 'GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01'])
      expect(await talk(bridge, containerPort, words), words).toBe('ECONNRESET');
    expect(await talk(bridge, containerPort, `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`)).toBe('ECONNRESET');
    processes.delete('Api');
    await gateway.update();
    expect(await ask(`api:${containerPort}`)).toMatch(/\r\n\r\nweb 0$/);
  });

  it('ends every connection when it is closed', async () => {
    const port = await listen(createServer((socket) => void socket.on('error', () => undefined).write('hello')));
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['127.0.0.0/8']);
    await gateway.update();
    const client = connect({ host: bridge, port });
    await new Promise((resolve) => client.once('data', resolve));
    const ended = new Promise((resolve) => client.on('error', () => undefined).once('close', resolve));
    await gateway.close();
    await ended;
    expect(await talk(bridge, port, '')).toBe('ECONNREFUSED');
  });
});

const engine = await engineForTests('the relay for containers', ['busybox']);

describe.runIf(engine?.isLocalLinux)('from a container of a network of its own', () => {
  const name = `camp-gateway-${process.pid}-${Math.random().toString(16).slice(2, 8)}`;
  let port: number;
  let bridge: string;
  let subnet: string;

  beforeEach(async () => {
    port = await listen(createHttpServer((request, response) => response.end(`hello ${request.headers.host}`)));
    await run('docker', ['network', 'create', name]);
    closers.push(() => run('docker', ['network', 'rm', name]));
    bridge = (await engine?.api.inspectNetwork('bridge'))?.subnets[0]?.gateway ?? '';
    subnet = (await engine?.api.inspectNetwork(name))?.subnets[0]?.subnet ?? '';
  });

  const ask = (url: string): Promise<{ stdout: string }> =>
    run('docker', [
      ...[
        'run',
        '--rm',
        '--network',
        name,
        '--add-host',
        'api:host-gateway',
        '--add-host',
        'host.docker.internal:host-gateway',
      ],
      ...['busybox', 'wget', '-T', '10', '-qO-', url],
    ]);

  it('reaches a process that listens on loopback, by both names', async () => {
    await expect(ask(`http://api:${port}/`)).rejects.toThrow(/refused/);
    const containerPort = await freePort();
    const gateway = gatewayOf(new Map([['api', { port, containerPort }]]), [bridge], [subnet]);
    await gateway.update();
    expect((await ask(`http://host.docker.internal:${port}/`)).stdout).toBe(`hello host.docker.internal:${port}`);
    expect((await ask(`http://api:${containerPort}/`)).stdout).toBe(`hello api:${containerPort}`);
  });

  it('is not let in from a network that is not the project’s, and no other address of this machine answers', async () => {
    const gateway = gatewayOf(new Map([['api', { port }]]), [bridge], ['10.255.255.0/24']);
    await gateway.update();
    await expect(ask(`http://api:${port}/`)).rejects.toThrow(/reset|error getting response|Connection/i);
    const others = Object.values(networkInterfaces())
      .flat()
      .flatMap((one) => (one && one.family === 'IPv4' && one.address !== bridge && !one.internal ? [one.address] : []));
    for (const address of others) expect(await talk(address, port, '')).toBe('ECONNREFUSED');
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen({ host: '127.0.0.1', port: 0 }, () => resolve((server.address() as AddressInfo).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}
