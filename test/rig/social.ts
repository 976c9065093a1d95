import type { UpReport } from '../../src/report/types.ts';
import { type Answer, ask } from './client.ts';
import { type Cluster, eventually } from './cluster.ts';

export interface Post {
  readonly id: string;
  readonly author: string;
  readonly text: string;
}

export interface Home {
  readonly profile: { readonly following: readonly string[]; readonly posts: number } | null;
  readonly timeline: { readonly posts: readonly Post[]; readonly cache: string } | null;
  readonly missing: readonly string[];
}

/** A project of `camp init --starter social`, and what its people do through its edge. */
export class Social {
  readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** `camp up -d`. The first one installs packages and compiles, so it may take a while. */
  async up(...args: readonly string[]): Promise<UpReport> {
    const one = this.cluster.start(['up', '-d', '--json', ...args]);
    const code = await one.exits(400_000);
    if (code !== 0) throw new Error(`camp up ended with ${code}\n${one.stdout}\n${one.stderr}`);
    await this.cluster.ps(); // learns where the edge is
    return JSON.parse(one.stdout) as UpReport;
  }

  ask(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { name, https: port, caFile } = this.cluster;
    return ask({ method, path, port, host: `${name}.localhost`, caFile, headers, body });
  }

  async signIn(user: string): Promise<Member> {
    const { status, headers, text } = await this.ask('POST', '/api/session', { user });
    if (status !== 200) throw new Error(`${user} could not sign in: ${status} ${text}`);
    return new Member(this, headers['set-cookie']?.[0]?.split(';')[0] ?? '');
  }
}

/** Somebody who is signed in. */
export class Member {
  readonly #social: Social;
  readonly #cookie: string;

  constructor(social: Social, cookie: string) {
    this.#social = social;
    this.#cookie = cookie;
  }

  ask(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#social.ask(method, path, body, { cookie: this.#cookie, ...headers });
  }

  /** What a call answers with a status below 300. Comes back when it is told to. */
  async does(method: string, path: string, body?: unknown): Promise<unknown> {
    const { status, text, headers } = await this.ask(method, path, body);
    if (status === 429) {
      await new Promise((done) => setTimeout(done, 1000 * Number(headers['retry-after'])));
      return this.does(method, path, body);
    }
    if (status >= 300) throw new Error(`${method} ${path} answered ${status} ${text}`);
    return JSON.parse(text);
  }

  follow = (user: string): Promise<unknown> => this.does('POST', `/api/follows/${user}`);

  unfollow = (user: string): Promise<unknown> => this.does('DELETE', `/api/follows/${user}`);

  home = async (): Promise<Home> => (await this.does('GET', '/api/home')) as Home;

  /** Posts as a patient client does: what leaves open whether it was taken is sent again under the same key. */
  async post(text: string, headers: Readonly<Record<string, string>> = {}): Promise<Post> {
    const key = { 'idempotency-key': crypto.randomUUID(), ...headers };
    let last = '';
    return eventually(
      `"${text}" is posted`,
      async () => {
        const answer = await this.ask('POST', '/api/posts', { text }, key).catch((error: Error) => error);
        last = 'status' in answer ? `${answer.status} ${answer.text}` : answer.message;
        if (!('status' in answer) || answer.status >= 500 || answer.status === 409 || answer.status === 429)
          return undefined;
        if (answer.status !== 201) throw new Error(`refused: ${last}`);
        return JSON.parse(answer.text) as Post;
      },
      60_000,
      () => last,
    );
  }

  /** The texts of the timeline, newest first, as soon as all of these are among them. */
  async reads(texts: readonly string[], ms = 60_000): Promise<readonly string[]> {
    let last: unknown;
    return eventually(
      `the timeline has ${texts.length} posts`,
      async () => {
        const home = await this.home().catch((error: Error) => void (last = error.message));
        if (!home) return undefined;
        const found = home.timeline?.posts.map((post) => post.text) ?? [];
        last = { lacks: texts.filter((text) => !found.includes(text)), missing: home.missing };
        return texts.every((text) => found.includes(text)) ? found : undefined;
      },
      ms,
      () => last,
    );
  }
}
