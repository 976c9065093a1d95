import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UpReport } from '../../src/report/types.ts';
import { openBrowser, troubleOf, visit, whyNoBrowser } from '../rig/browser.ts';
import { ask } from '../rig/client.ts';
import { Cluster, createHome, type Home } from '../rig/cluster.ts';
import { trial } from '../rig/trial.ts';

/** Screenshots for eyes; not in git. */
const evidence = fileURLToPath(new URL('../evidence', import.meta.url));
const why = whyNoBrowser();
if (why && !process.env['CI']) console.warn(`skipped: the page in a real browser: ${why}`);

let home: Home;
let hello: Cluster;
let report: UpReport;

beforeAll(async () => {
  home = createHome();
  hello = new Cluster(home, 'hello');
  const init = await trial(['init', 'hello', '--yes'], { cwd: home.dir, env: home.env });
  if (init.code !== 0) throw new Error(`init ended with ${init.code}: ${init.stderr}`);
  report = await hello.up();
});
afterAll(async () => {
  await hello?.[Symbol.asyncDispose]();
  home?.[Symbol.dispose]();
});

/** Not blank, not a comment: counted here once more, without camp's own counter. */
const logicalLines = (file: string): number =>
  hello
    .read(file)
    .split('\n')
    .filter((line) => /^\s*[^\s#]/.test(line)).length;

const pathFor = (url: string): { readonly host: string; readonly port: number; readonly path: string } => {
  const { protocol, hostname, port, pathname } = new URL(url);
  expect(protocol).toBe('https:');
  return { host: hostname, port: Number(port || 443), path: pathname };
};

describe('what up -d --json says of hello', () => {
  test('its keys are those of the contract', () => {
    const keys = (value: object): readonly string[] => Object.keys(value).sort();
    expect(keys(report)).toEqual(
      [
        'project',
        'domain',
        'urls',
        'services',
        'edge',
        'timeToFirstRequestMs',
        'phases',
        'criticalChain',
        'config',
      ].sort(),
    );
    for (const service of report.services)
      expect(keys(service)).toEqual(['name', 'placement', 'replicas', 'state', 'url', 'readyMs', 'pids'].sort());
    expect(keys(report.edge!)).toEqual(['https', 'http', 'pid', 'caFile'].sort());
    for (const span of [...report.phases, ...report.criticalChain])
      expect(keys(span)).toEqual(['phase', 'subject', 'beginMs', 'endMs'].sort());
    expect(keys(report.config)).toEqual(['handWrittenLines', 'files', 'totalLines'].sort());
    for (const file of report.config.files) expect(keys(file)).toEqual(['path', 'lines', 'directives'].sort());
  });

  test('its figures are those of a start: every phase inside it, both services ready', () => {
    const total = report.timeToFirstRequestMs ?? 0;
    expect(total).toBeGreaterThan(0);
    expect(report.phases.length).toBeGreaterThan(0);
    for (const { beginMs, endMs } of report.phases) expect(endMs).toBeGreaterThanOrEqual(beginMs);
    expect(report.criticalChain.at(-1)?.endMs).toBeLessThanOrEqual(total + 1);
    const states = report.services.filter((one) => one.placement !== 'edge').map((one) => `${one.name} ${one.state}`);
    expect(states.sort()).toEqual(['api ready', 'web ready']);
  });

  test('nobody wrote a line, and its two files are short', () => {
    expect(report.config.handWrittenLines).toBe(0);
    const counted = Object.fromEntries(report.config.files.map((file) => [file.path, file.lines]));
    expect(counted).toEqual({ Caddyfile: logicalLines('Caddyfile'), 'compose.yaml': logicalLines('compose.yaml') });
    expect(logicalLines('Caddyfile')).toBeLessThanOrEqual(5);
    expect(logicalLines('compose.yaml')).toBeLessThanOrEqual(12);
  });

  test('every URL answers 200 over HTTPS, verified against its caFile', async () => {
    const urls = [...new Set([...report.urls, ...report.services.flatMap((one) => one.url ?? [])])];
    expect(urls.length).toBeGreaterThanOrEqual(2);
    const answers = urls.map(async (url) => {
      const { status } = await ask({ ...pathFor(url), caFile: report.edge!.caFile });
      return `${status} ${url}`;
    });
    expect(await Promise.all(answers)).toEqual(urls.map((url) => `200 ${url}`));
  });
});

// with CI set a missing browser is a failure
describe.skipIf(why && !process.env['CI'])('the page in a Chromium that trusts the authority', () => {
  let browser: Browser;
  beforeAll(async () => {
    if (why) throw new Error(why);
    browser = await openBrowser(join(home.dir, 'home'), report.edge!.caFile);
  });
  afterAll(() => browser?.close());

  test.each([
    ['phone', 390, 844],
    ['desktop', 1280, 800],
  ])("%s: shows the api's answer, nothing on the console, no request failed", async (name, width, height) => {
    const url = report.services.find((one) => one.name === 'web')?.url ?? '';
    expect(new URL(url).origin).toBe(new URL(report.urls[0]!).origin);
    const { host, port } = pathFor(url);
    const api = await ask({ host, port, path: '/api/hello', caFile: report.edge!.caFile });
    const { message } = JSON.parse(api.text) as { message: string };
    expect(message).toMatch(/\w/);

    const page = await browser.newPage({ viewport: { width, height } });
    const trouble = listen(page);
    const response = await visit(page, url);
    expect(response?.status()).toBe(200);
    expect((await response?.securityDetails())?.issuer).toMatch(/camp|caddy/i);
    const output = page.locator('output[data-call="/api/hello"][data-state]');
    await output.waitFor();
    mkdirSync(evidence, { recursive: true });
    await page.screenshot({ path: join(evidence, `hello-${name}.png`), fullPage: true });
    expect(await output.textContent()).toBe(message);
    expect(await output.getAttribute('data-state')).toBe('ok');
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow, 'it scrolls sideways').toBeLessThanOrEqual(0);
    expect(trouble).toEqual([]);
    await page.close();
  });

  test('a browser that does not trust the authority refuses it: the check above can fail', async () => {
    const stranger = join(home.dir, 'stranger');
    mkdirSync(stranger);
    const other = await openBrowser(stranger);
    try {
      const page = await other.newPage();
      await expect(page.goto(report.urls[0]!)).rejects.toThrow('ERR_CERT_AUTHORITY_INVALID');
    } finally {
      await other.close();
    }
  });
});

/** What a page would show in red, as it comes. */
function listen(page: Page): readonly string[] {
  const trouble = troubleOf(page);
  page.on('requestfailed', (sent) => {
    const why = sent.failure()?.errorText;
    if (why !== 'net::ERR_NETWORK_CHANGED') trouble.push(`failed: ${sent.url()} ${why}`);
  });
  page.on('response', (got) => {
    if (got.status() >= 400) trouble.push(`${got.status()}: ${got.url()}`);
  });
  return trouble;
}
