import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderMeasure } from '../../src/report/measure/render.ts';
import type { MeasureReport } from '../../src/stopwatch/types.ts';
import { openBrowser, whyNoBrowser } from '../rig/browser.ts';
import { bareReport, hostile, hostileReport, measureHistory, measureReport } from '../rig/measure-report.ts';

/** Screenshots for eyes; not in git. */
const evidence = fileURLToPath(new URL('../evidence', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const style = { hasColour: false, hasUnicode: true, width: 80, isTty: false, isLive: false };
const why = whyNoBrowser();
if (why && !process.env['CI']) console.warn(`skipped: the report of camp measure in a real browser: ${why}`);

const schemes = ['light', 'dark'] as const;
const widths = [360, 768, 1280] as const;
const views = schemes.flatMap((scheme) => widths.map((width) => [scheme, width] as const));

let folder: string;
let browser: Browser;

// with CI set a missing browser is a failure
describe.skipIf(why && !process.env['CI'])('the HTML report of camp measure', () => {
  beforeAll(async () => {
    if (why) throw new Error(why);
    folder = mkdtempSync(join(tmpdir(), 'camp-report-'));
    browser = await openBrowser(folder);
    mkdirSync(evidence, { recursive: true });
    write('full', measureReport, measureHistory);
    write('bare', bareReport, []);
    for (const [at, text] of hostile.entries()) write(`hostile-${at}`, hostileReport(text), measureHistory);
  });
  afterAll(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  test.each(views)(
    '%s, %i px: asks for nothing, says nothing on the console, does not scroll sideways',
    async (scheme, width) => {
      await using view = await open('full', scheme, width);
      await view.page.screenshot({ path: join(evidence, `measure-${scheme}-${width}.png`), fullPage: true });
      expect(await sideways(view.page)).toBeLessThanOrEqual(0);
      expect(await view.page.title()).toBe('shop: camp measure');
      // what is folded away has the same room
      await view.page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
      expect(await sideways(view.page)).toBeLessThanOrEqual(0);
      const background = await view.page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(scheme === 'light' ? 'rgb(247, 246, 241)' : 'rgb(19, 25, 22)');
      expect(view.asked()).toEqual([]);
      expect(view.said).toEqual([]);
    },
  );

  // between the two widths nothing is laid out in another way
  const edges = views.filter(([, width]) => width !== 768);
  test.each(edges)('%s, %i px: axe finds nothing that is serious or critical', async (scheme, width) => {
    // axe is put in by hand: the policy of the page lets no script run, which is tested below
    await using view = await open('full', scheme, width, true);
    await view.page.evaluate('for (const one of document.querySelectorAll("details")) one.open = true');
    const { violations, passes } = await check(view.page);
    expect(violations).toEqual([]);
    for (const rule of ['color-contrast', 'document-title', 'html-has-lang', 'svg-img-alt', 'list'])
      expect(passes).toContain(rule);
  });

  test('axe would find something: the check above can fail', async () => {
    await using view = await open('full', 'light', 1280, true);
    await view.page.evaluate('document.querySelector("h1").style.color = "#eee"; document.documentElement.lang = ""');
    expect((await check(view.page)).violations.join()).toMatch(
      /html-has-lang.*color-contrast|color-contrast.*html-has-lang/,
    );
  });

  test.each(['bare', ...hostile.map((_, at) => `hostile-${at}`)])(
    '%s: as whole and as quiet, on a phone and on a desk',
    async (name) => {
      for (const width of [360, 1280]) {
        await using view = await open(name, 'dark', width, true);
        expect(await sideways(view.page), `${name} at ${width} px`).toBeLessThanOrEqual(0);
        // the elements are the same for all (src/report/measure/html.test.ts): one long name and one of right to left stand for them
        if (/^(bare|hostile-11)$/.test(name)) expect((await check(view.page)).violations).toEqual([]);
        expect(await view.page.locator('script, img, iframe, [onerror], [onload]').count()).toBe(0);
        expect(view.asked()).toEqual([]);
        expect(view.said).toEqual([]);
      }
    },
  );

  test('the policy holds in the browser: a script, an image and a request that were put in do nothing', async () => {
    const text = readFileSync(join(folder, 'full.html'), 'utf8');
    const more =
      '<script>document.title = "mine"</script><img src="https://camp.invalid/x.png"><p style="background:url(https://camp.invalid/y)">y</p>';
    writeFileSync(join(folder, 'broken-into.html'), text.replace('<footer>', `${more}<footer>`));
    await using view = await open('broken-into', 'light', 1280);
    expect(await view.page.title()).toBe('shop: camp measure');
    expect(view.said.join('\n')).toMatch(/Content Security Policy/);
    expect(view.asked().length).toBeGreaterThan(0);
    expect(view.asked().filter((request) => !request.endsWith(' csp'))).toEqual([]);
  });

  test('the keyboard reaches the contents, and they lead to their sections', async () => {
    await using view = await open('full', 'light', 1280);
    const focused = (): Promise<unknown> => view.page.evaluate('document.activeElement.textContent');
    await view.page.keyboard.press('Tab');
    expect(await focused()).toBe('to the figures');
    const outline = await view.page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).toBe('solid');
    const reached: unknown[] = [];
    for (let at = 0; at < 9; at++) {
      await view.page.keyboard.press('Tab');
      reached.push(await focused());
    }
    expect(reached).toEqual([
      'Budgets',
      'Time to X',
      'Where the time went',
      'Services',
      'Configuration',
      'The same site by other servers',
      'What a split costs',
      'History',
      'Notes',
    ]);
    await view.page.locator('nav a', { hasText: 'History' }).press('Enter');
    expect(
      await view.page.evaluate('document.querySelector("#history").getBoundingClientRect().top < innerHeight'),
    ).toBe(true);
    await view.page.locator('summary').first().press('Enter');
    expect(await view.page.locator('details').first().getAttribute('open')).toBe('');
  });

  test('on a phone each cell stands after the name of its column, and the table is still one', async () => {
    await using view = await open('full', 'light', 360);
    const before = await view.page.evaluate(
      `getComputedStyle(document.querySelector('td[data-name="Median"]'), '::before').content`,
    );
    expect(before).toContain('Median');
    const tree = await view.page
      .getByRole('table', { name: 'Each metric: median, spread and runs' })
      .getByRole('row')
      .count();
    expect(tree).toBe(measureReport.metrics.filter(({ status }) => status === 'measured').length + 1);
  });

  test('what is printed is light, and has what is folded away', async () => {
    await using view = await open('full', 'dark', 1280);
    const phase = view.page.locator('details tbody th', { hasText: 'orders first request' }).first();
    const height = (): Promise<number> =>
      phase.evaluate((node: { getBoundingClientRect(): { height: number } }) => node.getBoundingClientRect().height);
    expect(await phase.isVisible()).toBe(false);
    await view.page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await height()).toBeGreaterThan(5);
    expect(await view.page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(await view.page.evaluate('getComputedStyle(document.querySelector("svg.middle text.t")).fill')).toBe(
      'rgb(23, 33, 27)',
    );
    const pdf = await view.page.pdf({ format: 'A4' });
    expect(pdf.length).toBeGreaterThan(20_000);
  });

  test.each(schemes)('the SVG by itself, %s: follows the scheme, and no text lies over another', async (scheme) => {
    writeFileSync(join(folder, 'full.svg'), renderMeasure(measureReport, 'svg', { style }));
    const page = await browser.newPage({ colorScheme: scheme, viewport: { width: 860, height: 600 } });
    await page.goto(pathToFileURL(join(folder, 'full.svg')).href);
    await page.screenshot({ path: join(evidence, `measure-waterfall-${scheme}.png`) });
    const fill = await page.evaluate('getComputedStyle(document.querySelector("rect")).fill');
    expect(fill).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(27, 36, 32)');
    expect(await page.evaluate(overlaps)).toEqual([]);
    await page.close();
  });

  test.each(widths)('%i px: no text of a chart lies over another or leaves its chart', async (width) => {
    await using view = await open('full', 'light', width);
    expect(await view.page.evaluate(overlaps)).toEqual([]);
    await using long = await open('hostile-11', 'light', width);
    expect(await long.page.evaluate(overlaps)).toEqual([]);
  });
});

/** Texts of the charts that are shown, as the browser has really set them, and that touch or are cut. */
const overlaps = `[...document.querySelectorAll('svg[role=img]')].flatMap((svg) => {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].map((node) => [node.textContent, node.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
  const cut = boxes.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1);
  const over = boxes.flatMap(([text, a], at) => boxes.slice(at + 1)
    .filter(([, b]) => a.left + 0.5 < b.right && b.left + 0.5 < a.right && a.top + 2 < b.bottom && b.top + 2 < a.bottom)
    .map(([other]) => text + ' / ' + other));
  return [...cut.map(([text]) => 'cut: ' + text), ...over];
})`;

interface View extends AsyncDisposable {
  readonly page: Page;
  /** Requests beyond the page itself, each with why it failed, if it did. */
  asked(): readonly string[];
  /** On the console, of whatever kind, and what was thrown. */
  readonly said: readonly string[];
}

/** The page in a browser without a network. */
async function open(name: string, scheme: 'light' | 'dark', width: number, bypassCSP = false): Promise<View> {
  const context: BrowserContext = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: 800 },
    offline: true,
    bypassCSP,
  });
  const page = await context.newPage();
  const url = pathToFileURL(join(folder, `${name}.html`)).href;
  const asked: Request[] = [];
  const said: string[] = [];
  page.on('request', (request) => {
    const isOwn = request.url() === url || request.url().startsWith(`${url}#`) || request.url() === 'data:,';
    if (!isOwn) asked.push(request);
  });
  page.on('console', (line) => said.push(line.text()));
  page.on('pageerror', (error) => said.push(error.message));
  await page.goto(url);
  const told = (): readonly string[] =>
    asked.map((request) => `${request.url()} ${request.failure()?.errorText ?? ''}`);
  return { page, asked: told, said, [Symbol.asyncDispose]: () => context.close() };
}

function write(name: string, report: MeasureReport, history: readonly string[]): void {
  writeFileSync(join(folder, `${name}.html`), renderMeasure(report, 'html', { style, history }));
}

async function sideways(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
}

async function check(
  page: Page,
): Promise<{ readonly violations: readonly string[]; readonly passes: readonly string[] }> {
  await page.evaluate(axe);
  const results = await page.evaluate<AxeResults>('axe.run(document)');
  const bad = results.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const violations = bad.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 120)}`);
  return { violations, passes: results.passes.map(({ id }) => id) };
}
