import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import type { UpReport } from '../../src/report/types.ts';
import { type Cluster, eventually } from './cluster.ts';

export interface Order {
  readonly id: string;
  readonly status: 'pending' | 'confirmed' | 'cancelled';
  readonly reason: string | null;
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly total: number;
}

export interface NewOrder {
  readonly items: readonly { readonly sku: string; readonly quantity: number }[];
  readonly card: string;
}

interface Product {
  readonly sku: string;
  readonly initial: number;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}

export interface Books {
  readonly orders: readonly Order[];
  readonly totals: Readonly<Record<Order['status'], { readonly orders: number; readonly amount: number }>>;
  readonly products: readonly Product[];
  readonly money: { readonly charged: number; readonly refunded: number };
  readonly sent: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the shop answers; each test says what it expects of it
  readonly body: any;
}

/** A project of `camp init --starter shop`, and what a customer and an auditor can ask of it through its edge. */
export class Shop implements Disposable {
  readonly cluster: Cluster;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** `camp up -d`. The first one installs the packages of the services, so it may take a while. */
  async up(...args: readonly string[]): Promise<UpReport> {
    const one = this.cluster.start(['up', '-d', '--json', ...args]);
    const code = await one.exits(400_000);
    if (code !== 0) throw new Error(`camp up ended with ${code}\n${one.stdout}\n${one.stderr}`);
    await this.cluster.ps(); // learns where the edge is
    return JSON.parse(one.stdout) as UpReport;
  }

  ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    timeout = 15_000,
  ): Promise<Reply> {
    const host = `${this.cluster.name}.localhost`;
    const content = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          method,
          host,
          servername: host,
          port: this.cluster.https,
          path,
          ca: readFileSync(this.cluster.caFile),
          agent: this.#agent,
          timeout,
          headers: { ...(content === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
          lookup: (_, options, done) =>
            options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4),
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('error', reject).on('end', () => {
            const { statusCode: status = 0, headers: got } = response;
            resolve({ status, headers: got, body: /json/.test(got['content-type'] ?? '') ? JSON.parse(text) : text });
          });
        },
      );
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path} had no answer within ${timeout} ms`)));
      sent.on('error', reject);
      sent.end(content);
    });
  }

  /** What a path answers with 200. */
  async get(path: string): Promise<Reply['body']> {
    const { status, body } = await this.ask('GET', path);
    if (status !== 200) throw new Error(`${path} answered ${status} ${JSON.stringify(body)}`);
    return body;
  }

  /**
   * Orders as a patient client does: whatever leaves open whether the order was taken is sent again under the same
   * key. Gives the id of the accepted order; throws when it was refused for good or never answered.
   */
  async place(order: NewOrder, patienceMs = 180_000): Promise<string> {
    const headers = { 'idempotency-key': crypto.randomUUID() };
    const deadline = performance.now() + patienceMs;
    for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 2000)) {
      const reply = await this.ask('POST', '/api/orders', order, headers, 8000).catch((error: Error) => error);
      if ('status' in reply && reply.status === 202) return reply.body.id as string;
      const isOpen = !('status' in reply) || reply.status >= 500 || reply.status === 409 || reply.status === 429;
      const said = 'status' in reply ? `${reply.status} ${JSON.stringify(reply.body)}` : reply.message;
      if (!isOpen || performance.now() > deadline) throw new Error(`the order was not accepted: ${said}`);
      await new Promise((done) => setTimeout(done, pauseMs * (0.5 + Math.random())));
    }
  }

  /** The order once it is confirmed or cancelled. */
  settled(id: string, ms = 60_000): Promise<Order> {
    let last: unknown;
    const look = async (): Promise<Order | undefined> => {
      const { status, body } = await this.ask('GET', `/api/orders/${id}`).catch(() => ({ status: 0, body: undefined }));
      last = body;
      return status === 200 && body.status !== 'pending' ? (body as Order) : undefined;
    };
    return eventually(`order ${id} is settled`, look, ms, () => last);
  }

  async books(): Promise<Books> {
    const [orders, inventory, payments, notifications] = await Promise.all([
      this.get('/api/orders?limit=1000'),
      this.get('/api/inventory'),
      this.get('/api/payments'),
      this.get('/api/notifications'),
    ]);
    return {
      orders: orders.orders,
      totals: orders.totals,
      products: inventory.products,
      money: payments.totals,
      sent: notifications.totals.sent,
    };
  }

  /** The books when nothing is under way any more: no order pending, nothing reserved, a message for each order. */
  quiet(ms = 120_000): Promise<Books> {
    let last: unknown;
    const look = async (): Promise<Books | undefined> => {
      const books = await this.books().catch((error: Error) => void (last = error.message));
      if (!books) return undefined;
      const { totals, products, sent } = books;
      last = { totals, sent, reserved: products.map(({ sku, reserved }) => `${sku} ${reserved}`) };
      const settled = totals.confirmed.orders + totals.cancelled.orders;
      const isQuiet = totals.pending.orders === 0 && products.every(({ reserved }) => reserved === 0);
      return isQuiet && sent >= settled ? books : undefined;
    };
    return eventually('the shop is quiet', look, ms, () => last);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Everything that does not add up, in words; nothing when the books are right. */
export function mistakes(books: Books): readonly string[] {
  const { orders, totals, products, money, sent } = books;
  const confirmed = orders.filter(({ status }) => status === 'confirmed');
  const sold = (sku: string): number =>
    confirmed
      .flatMap(({ items }) => items)
      .filter((item) => item.sku === sku)
      .reduce((sum, item) => sum + item.quantity, 0);
  const wrong = products
    .filter(
      ({ sku, initial, available, reserved, sold: counted }) =>
        initial !== available + reserved + counted || counted !== sold(sku),
    )
    .map((product) => `stock: ${JSON.stringify(product)}, sold by confirmed orders: ${sold(product.sku)}`);
  const revenue = confirmed.reduce((sum, { total }) => sum + total, 0);
  if (money.charged - money.refunded !== revenue)
    wrong.push(`money: ${money.charged} charged, ${money.refunded} refunded, ${revenue} confirmed`);
  if (totals.confirmed.amount !== revenue)
    wrong.push(`orders say ${totals.confirmed.amount}, they add up to ${revenue}`);
  if (sent !== totals.confirmed.orders + totals.cancelled.orders)
    wrong.push(`${sent} messages for ${totals.confirmed.orders + totals.cancelled.orders} orders`);
  return wrong;
}
