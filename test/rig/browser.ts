import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page, type Response } from 'playwright-core';

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
 * Opens an address. Chromium gives up what it loads when an interface of the machine comes or goes, as it does for each
 * container that another test starts: then it is asked once more.
 */
export async function visit(page: Page, url: string): Promise<Response | null> {
  for (let left = 5; ; left--)
    try {
      return await page.goto(url);
    } catch (error) {
      if (left === 0 || !String(error).includes('ERR_NETWORK_CHANGED')) throw error;
    }
}

/**
 * Keeps what goes wrong in a page: what it writes on the console as an error or a warning, and what it throws. Not that an
 * interface of the machine came or went meanwhile: the page asks again.
 */
export function troubleOf(page: Page): string[] {
  const trouble: string[] = [];
  page.on('console', (line) => {
    const isBad = line.type() === 'error' || line.type() === 'warning';
    if (isBad && !line.text().includes('ERR_NETWORK_CHANGED')) trouble.push(`console: ${line.text()}`);
  });
  page.on('pageerror', (error) => trouble.push(`exception: ${error.message}`));
  return trouble;
}
