import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page, type Request, type Response } from 'playwright-core';

/** The Chromium of this machine, under whichever name its packages give it. */
export function findBrowser(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Why no browser test can run here; nothing when one can. */
export function whyNoBrowser(): string | undefined {
  if (!findBrowser()) return 'no chromium, chromium-browser or google-chrome on PATH';
  if (spawnSync('certutil', ['-H']).error) return 'no certutil on PATH (package libnss3-tools)';
  return undefined;
}

/**
 * A headless Chromium whose home is `home`, and that trusts the authority of `caFile` the way a user's own would:
 * through the NSS database in the home folder.
 */
export async function openBrowser(home: string, caFile?: string): Promise<Browser> {
  const database = join(home, '.pki/nssdb');
  if (!existsSync(database)) {
    mkdirSync(database, { recursive: true, mode: 0o700 });
    execFileSync('certutil', ['-d', `sql:${database}`, '-N', '--empty-password']);
  }
  if (caFile) execFileSync('certutil', ['-d', `sql:${database}`, '-A', '-t', 'C,,', '-n', 'camp', '-i', caFile]);
  const { HOME: _, ...env } = process.env;
  const path = findBrowser();
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({
    ...(path ? { executablePath: path } : {}),
    env: { ...env, HOME: home } as Record<string, string>,
    args: isRoot ? ['--no-sandbox'] : [],
    timeout: 60_000,
  });
}

/**
 * What Chromium says of a request that it gave up because an interface of the machine came or went: most often the first,
 * the second of one that was about to go over a connection which it had just closed for that reason.
 */
const changed = /ERR_NETWORK_CHANGED|ERR_SOCKET_NOT_CONNECTED/;

/**
 * Opens an address. Chromium gives up what it loads when an interface of the machine comes or goes, as it does for each
 * container that another test starts: then it is asked again, after a pause in which Chromium's own second try ends. A page
 * gets its data again by itself, but not itself.
 */
export async function visit(page: Page, url: string): Promise<Response | null> {
  let isWhole = true;
  const note = (request: Request): void => {
    const isPart = /^(document|script|stylesheet)$/.test(request.resourceType());
    if (isPart && changed.test(request.failure()?.errorText ?? '')) isWhole = false;
  };
  page.on('requestfailed', note);
  try {
    for (let pauseMs = 100; ; pauseMs *= 2) {
      isWhole = true;
      const response = await page.goto(url).catch((error: Error) => {
        if (pauseMs > 5000 || !isGivenUp(error)) throw error;
      });
      if (response !== undefined && isWhole) return response;
      if (pauseMs > 5000) throw new Error(`${url} never came as a whole: the network changed each time`);
      await page.waitForTimeout(pauseMs);
    }
  } finally {
    page.off('requestfailed', note);
  }
}

/** Given up, or overtaken: by the page that Chromium shows for one that was given up, or by its own second try. */
const isGivenUp = ({ message }: Error): boolean =>
  changed.test(message) || message.includes('is interrupted by another navigation to ');

/**
 * Keeps what goes wrong in a page: what it writes on the console as an error or a warning, and what it throws. Not that an
 * interface of the machine came or went meanwhile: the page asks again.
 */
export function troubleOf(page: Page): string[] {
  const trouble: string[] = [];
  page.on('console', (line) => {
    const isBad = line.type() === 'error' || line.type() === 'warning';
    if (isBad && !changed.test(line.text())) trouble.push(`console: ${line.text()}`);
  });
  page.on('pageerror', (error) => trouble.push(`exception: ${error.message}`));
  return trouble;
}

/**
 * A script for a page: the first request to `path` goes out and is answered, but the page sees of the answer what it sees
 * when the network changes.
 */
export const losingAnswer = (path: string): string => `{
  const fetch = globalThis.fetch;
  let isLost = false;
  globalThis.fetch = async (asked, options) => {
    const response = await fetch(asked, options);
    if (isLost || asked !== ${JSON.stringify(path)}) return response;
    isLost = true;
    throw new TypeError('network error');
  };
}`;
