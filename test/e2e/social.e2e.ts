import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorJson } from '../../src/report/json.ts';
import type { UpReport } from '../../src/report/types.ts';
import { losingAnswer, openBrowser, troubleOf, visit, whyNoBrowser } from '../rig/browser.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { ContainerCluster } from '../rig/containers.ts';
import { requireImages } from '../rig/images.ts';
import { Social } from '../rig/social.ts';

/* The starter social, as somebody meets it: two commands, then posts through the edge and through its page. */

/** Screenshots for eyes; not in git. */
const evidence = fileURLToPath(new URL('../evidence', import.meta.url));
const whyNoPage = whyNoBrowser();
if (whyNoPage && !process.env['CI']) console.warn(`skipped: the page of social in a real browser: ${whyNoPage}`);
const images = [
  'postgres:17',
  'nats:2',
  'redis:8',
  'node:24-alpine',
  'python:3.13-slim',
  'golang:1.27-alpine',
  'alpine:3',
  'caddy:2',
];
const whyNoContainers = requireImages('social in containers', images);

let home: Home;
beforeAll(() => {
  home = createHome();
  home.env['GOTOOLCHAIN'] = 'local';
});
afterAll(() => home?.[Symbol.dispose]());

/** So slow a rate that a slow machine exceeds it too. */
async function init(cluster: Cluster): Promise<void> {
  await cluster.camp(['init', '.', '--starter', 'social', '--yes']);
  cluster.write('.env', `${cluster.read('.env')}RATE_PER_SECOND=5\n`);
}

const word = (): string => crypto.randomUUID();

/** What holds wherever it runs. */
function postsReachReaders(socialOf: () => Social): void {
  test('nobody gets in without a session', async () => {
    const { status, headers } = await socialOf().ask('GET', '/api/home');
    expect([status, headers['content-type']]).toEqual([401, 'application/problem+json']);
    expect(
      (await socialOf().ask('GET', '/api/home', undefined, { cookie: 'session=ada.9999999999999.x' })).status,
    ).toBe(401);
  });

  test('a post is in the timelines of its author and of a follower, once however often it is sent, and in no other', async () => {
    const social = socialOf();
    const [ada, grace, linus] = [
      await social.signIn('ada'),
      await social.signIn('grace'),
      await social.signIn('linus'),
    ];
    await ada.follow('grace');
    await linus.unfollow('grace');
    const [text, key] = [word(), { 'idempotency-key': word() }];
    const made = [await grace.post(text, key), await grace.post(text, key)];
    expect(made[1]).toEqual(made[0]);
    for (const reader of [ada, grace])
      expect((await reader.reads([text])).filter((one) => one === text)).toHaveLength(1);
    expect(await linus.reads([])).not.toContain(text);
  });

  test('whoever follows sees what was there before, until they stop', async () => {
    const social = socialOf();
    const [margaret, linus] = [await social.signIn('margaret'), await social.signIn('linus')];
    const text = word();
    await linus.post(text);
    expect(await margaret.follow('linus')).toMatchObject({ following: ['linus'] });
    await margaret.reads([text]);
    await margaret.unfollow('linus');
    expect(await margaret.reads([])).not.toContain(text);
  });

  test('a timeline that was read once comes from the cache, a new post in its place included', async () => {
    const grace = await socialOf().signIn('grace');
    await grace.reads([]);
    const [first, second] = [word(), word()];
    await grace.post(first);
    await grace.post(second);
    await grace.reads([first, second]);
    const { timeline } = await grace.home();
    expect(timeline?.cache).toBe('hit');
    expect(timeline?.posts.slice(0, 2).map((post) => post.text)).toEqual([second, first]);
  });

  test('who asks too often gets 429 and when to come back, and somebody else an answer', async () => {
    const [linus, ada] = [await socialOf().signIn('linus'), await socialOf().signIn('ada')];
    const answers = await Promise.all(Array.from({ length: 120 }, () => linus.ask('GET', '/api/people/nobody')));
    const refused = answers.find(({ status }) => status === 429);
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await ada.ask('GET', '/api/people/nobody')).status).toBe(404);
  });

  test('one id is in the logs of the edge and of every service on the way, over HTTP and through the broker', async () => {
    const social = socialOf();
    const [id, text] = [word(), word()];
    const margaret = await social.signIn('margaret');
    await margaret.post(text, { 'x-request-id': id });
    await margaret.reads([text]);
    const way = async (): Promise<readonly string[]> => {
      const { stdout } = await social.cluster.camp(['logs', '--request', id, '--json']);
      const lines = stdout.split('\n').filter(Boolean);
      return lines.map((line) => (JSON.parse(line) as { service: string }).service);
    };
    const services = ['edge', 'gateway', 'posts', 'fanout', 'follows', 'timelines'];
    await expect.poll(way, { timeout: 20_000 }).toEqual(expect.arrayContaining(services));
  });
}

describe('natively, without Docker', () => {
  let social: Social;
  let report: UpReport;
  let browser: Browser;
  beforeAll(async () => {
    const cluster = new Cluster(home, 'social');
    mkdirSync(cluster.dir);
    social = new Social(cluster);
    await init(cluster);
    report = await social.up('--native');
    if (whyNoPage && process.env['CI']) throw new Error(whyNoPage);
    if (!whyNoPage) browser = await openBrowser(join(home.dir, 'home'), report.edge?.caFile);
  }, 420_000);
  afterAll(async () => {
    await browser?.close();
    await social?.cluster[Symbol.asyncDispose]();
  });

  test('every service and server is up, none in a container', () => {
    const placed = report.services.filter(({ placement }) => placement !== 'edge');
    expect(placed.map(({ name, placement, state }) => `${name}: ${placement}, ${state}`).sort()).toEqual([
      'fanout: process, ready',
      'follows-db: native server, ready',
      'follows: process, ready',
      'gateway: process, ready',
      'nats: native server, ready',
      'posts-db: native server, ready',
      'posts: process, ready',
      'redis: native server, ready',
      'timelines: process, ready',
      'web: static, ready',
    ]);
  });

  postsReachReaders(() => social);

  test('fanout is killed again and again: no post is lost, none is there twice', async () => {
    const [ada, grace] = [await social.signIn('ada'), await social.signIn('grace')];
    await ada.follow('grace');
    await ada.reads([]);
    const texts = Array.from({ length: 40 }, (_, i) => `${i} ${word()}`);
    for (const [i, text] of texts.entries()) {
      if (i % 10 === 3) process.kill(await social.cluster.pid('fanout'), 'SIGKILL');
      await grace.post(text);
    }
    for (const reader of [ada, grace]) {
      const found = (await reader.reads(texts)).filter((text) => texts.includes(text));
      expect(found).toEqual(texts.toReversed());
    }
  }, 240_000);

  test('everything is killed and paused in turn: no post is lost, none is there twice, none is given up', async () => {
    const [ada, grace] = [await social.signIn('ada'), await social.signIn('grace')];
    await ada.follow('grace');
    const victims = ['posts', 'nats', 'timelines', 'posts-db', 'follows', 'follows-db', 'fanout', 'redis', 'gateway'];
    const texts = Array.from({ length: 45 }, (_, i) => `${i} ${word()}`);
    for (const [i, text] of texts.entries()) {
      const victim = i % 5 === 2 ? victims[(i - 2) / 5] : undefined;
      const pid = victim === undefined ? undefined : (await social.cluster.service(victim)).pids[0];
      const resumes = pid !== undefined && i % 2 === 0 ? pause(pid, 1500) : undefined;
      if (pid !== undefined && !resumes) process.kill(pid, 'SIGKILL');
      await grace.post(text);
      await resumes;
    }
    for (const reader of [ada, grace]) {
      const found = (await reader.reads(texts, 120_000)).filter((text) => texts.includes(text));
      expect(found).toEqual(texts.toReversed());
    }
    const { stdout } = await social.cluster.camp(['dlq', 'ls', '--json']);
    expect(JSON.parse(stdout)).toEqual({ letters: [] });
  }, 400_000);

  test('the cache is killed: timelines are right all the time', async () => {
    const ada = await social.signIn('ada');
    const before = await ada.reads([]);
    process.kill(await social.cluster.pid('redis'), 'SIGKILL');
    expect((await ada.home()).timeline?.posts.map((post) => post.text)).toEqual(before);
    await expect.poll(async () => (await ada.home()).timeline?.cache, { timeout: 30_000 }).toBe('hit');
    expect(await ada.reads([])).toEqual(before);
  });

  test('follows is killed: the rest of the page is there, and says what is missing', async () => {
    const ada = await social.signIn('ada');
    await ada.reads([]);
    const pid = await social.cluster.pid('follows');
    process.kill(pid, 'SIGSTOP');
    try {
      const { profile, timeline, missing } = await ada.home();
      expect([profile, missing.length]).toEqual([null, 1]);
      expect(missing[0]).toMatch(/follows/);
      expect(timeline?.posts.length).toBeGreaterThan(0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await expect.poll(async () => (await ada.home()).missing, { timeout: 30_000 }).toEqual([]);
  });

  // with CI set a missing browser is a failure
  describe.skipIf(whyNoPage && !process.env['CI'])('its page, in a Chromium that trusts the authority', () => {
    const url = (): string => `https://social.localhost:${report.edge?.https}/`;

    test.each([
      ['phone', 390, 844, 'light'],
      ['desktop', 1280, 900, 'dark'],
    ] as const)(
      '%s: what one writes appears on the page of another who follows',
      async (name, width, height, colorScheme) => {
        const look = { viewport: { width, height }, colorScheme };
        const contexts = [await browser.newContext(look), await browser.newContext(look)];
        const [writer, reader] = await Promise.all([
          signIn(contexts[0]!, url(), 'Grace Hopper'),
          signIn(contexts[1]!, url(), 'Linus Pauling'),
        ]);
        const follow = reader.page.getByRole('button', { name: 'Follow Grace Hopper' });
        if ((await follow.getAttribute('aria-pressed')) === 'false') await follow.click();
        await expect.poll(() => follow.getAttribute('aria-pressed'), { timeout: 20_000 }).toBe('true');

        const text = `${name} ${word()}`;
        await writer.page.getByLabel('What is new?').fill(text);
        await writer.page.getByRole('button', { name: 'Post' }).click();
        for (const { page } of [writer, reader])
          await page.locator('#timeline li', { hasText: text }).waitFor({ timeout: 60_000 });
        expect(await reader.page.locator('#timeline li', { hasText: text }).count()).toBe(1);
        expect(await writer.page.locator('#command').textContent()).toMatch(/^camp logs --request \S+$/);

        mkdirSync(evidence, { recursive: true });
        await reader.page.screenshot({ path: join(evidence, `social-${name}.png`), fullPage: true });
        for (const { page, trouble } of [writer, reader]) {
          expect(
            await page.evaluate('document.documentElement.scrollWidth - innerWidth'),
            'it scrolls sideways',
          ).toBeLessThanOrEqual(0);
          expect(trouble).toEqual([]);
        }
        await follow.click();
        await expect.poll(() => follow.getAttribute('aria-pressed'), { timeout: 20_000 }).toBe('false');
        for (const context of contexts) await context.close();
      },
    );

    test('a post whose answer is lost on its way is sent again by the page, and is there once', async () => {
      const context = await browser.newContext();
      await context.addInitScript(losingAnswer('/api/posts'));
      const { page } = await signIn(context, url(), 'Margaret Hamilton');
      const sent: (string | undefined)[] = [];
      page.on('request', (request) => {
        if (request.url().endsWith('/api/posts')) sent.push(request.headers()['idempotency-key']);
      });
      const text = word();
      await page.getByLabel('What is new?').fill(text);
      await page.getByRole('button', { name: 'Post' }).click();
      await expect.poll(() => page.locator('#message').textContent(), { timeout: 30_000 }).toBe('Posted');
      // once more for each interface that has come or gone meanwhile
      expect(sent.length).toBeGreaterThanOrEqual(2);
      expect([...new Set(sent)]).toEqual([expect.stringMatching(/^[\da-f-]{36}$/)]);
      const margaret = await social.signIn('margaret');
      expect((await margaret.reads([text])).filter((one) => one === text)).toHaveLength(1);
      await context.close();
    });

    test('it can be used with the keyboard alone', async () => {
      const context = await browser.newContext();
      const { page } = await signIn(context, url(), 'Ada Lovelace');
      const text = word();
      await page.getByLabel('What is new?').focus();
      await page.keyboard.type(text);
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.locator('#timeline li', { hasText: text }).waitFor({ timeout: 60_000 });
      await context.close();
    });
  });

  test('down keeps what was posted and who follows whom', async () => {
    const text = word();
    const ada = await social.signIn('ada');
    await ada.follow('margaret');
    await ada.post(text);
    await social.cluster.camp(['down']);
    await social.up('--native');
    // the secret of the sessions lies in .env: nobody has to sign in again
    await ada.reads([text]);
    expect((await ada.home()).profile?.following).toContain('margaret');
  }, 240_000);
});

describe('on a machine without Go and Python', () => {
  test('up says so before anything is started: the services, what is missing, how to get it', async () => {
    const folder = join(home.dir, 'only-node');
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, 'node'));
    const cluster = new Cluster(home, 'only-node-project');
    mkdirSync(cluster.dir);
    await init(cluster);
    const { stdout } = await cluster.camp(['up', '-d', '--native', '--json'], [4], { PATH: folder });
    const { errors } = JSON.parse(stdout) as ErrorJson;
    expect(errors?.map(({ code, message, hints }) => [code, message, ...hints])).toEqual([
      [
        'NEEDS_PROGRAM',
        'service "follows" needs python3 to run as a process, which is not on PATH',
        'install Python 3: https://www.python.org/downloads/',
        'camp up --docker',
      ],
      [
        'NEEDS_PROGRAM',
        'service "timelines" needs go to run as a process, which is not on PATH',
        'install Go: https://go.dev/doc/install',
        'camp up --docker',
      ],
    ]);
    expect(existsSync(cluster.path('node_modules'))).toBe(false);
    await cluster[Symbol.asyncDispose]();
  });
});

describe.skipIf(whyNoContainers)('in containers', () => {
  let social: Social;
  beforeAll(async () => {
    // Compose's projects are one namespace per engine: another run of this test may be under way
    const cluster = new ContainerCluster(home, `social-${process.pid}`, {});
    social = new Social(cluster);
    await init(cluster);
    const { services } = await social.up('--docker', '--timeout', '240');
    const placements = new Set(services.filter(({ name }) => name !== 'edge').map(({ placement }) => placement));
    expect([...placements]).toEqual(['container']);
  }, 600_000);
  afterAll(async () => await social?.cluster[Symbol.asyncDispose](), 240_000);

  postsReachReaders(() => social);
});

/** Stops a process for a while; it wakes up in any case. */
async function pause(pid: number, ms: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await new Promise((done) => setTimeout(done, ms));
  process.kill(pid, 'SIGCONT');
}

interface Seen {
  readonly page: Page;
  readonly trouble: readonly string[];
}

async function signIn(context: BrowserContext, url: string, name: string): Promise<Seen> {
  const page = await context.newPage();
  const trouble = troubleOf(page);
  await visit(page, url);
  await page.getByLabel('You are').selectOption({ label: name });
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#people button').first().waitFor({ timeout: 20_000 });
  return { page, trouble };
}
