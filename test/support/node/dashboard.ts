/**
 * The dashboard in a real Chromium: opens it from an address of its own, keeps the browser's complaints,
 * and asks axe for its findings.
 */

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterEach, expect, inject } from 'vitest';
import { projectRoot } from './build-bundle.ts';
import type { TestBrowser } from './chromium.ts';
import type { Edge } from './serve-edge.ts';

export type DashboardOptions = {
  /** Default: light. */
  colorScheme?: 'light' | 'dark';
  /** Default: wide. */
  size?: keyof typeof sizes;
  /** Default: true. */
  javaScriptEnabled?: boolean;
  /** Headers that stand for what a proxy adds. */
  headers?: Record<string, string>;
};

export type Dashboard = {
  page: Page;
  context: BrowserContext;
  /** Errors in the console, violations of the CSP and uncaught exceptions. */
  complaints: string[];
  /** Goes to a path of the edge. */
  go(path: string): Promise<void>;
  /** Signs in with the admin token, and ends up at the list. */
  signIn(token?: string): Promise<void>;
  /** Takes a picture of the whole page into `test-output/screenshots`; most of them at night alone. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
};

/** Windows that the page must fit. */
export const sizes = {
  small: { width: 320, height: 640 },
  phone: { width: 390, height: 844 },
  tablet: { width: 768, height: 1024 },
  wide: { width: 1280, height: 900 },
} as const;

/**
 * The dashboards of a file's tests. After each test those in the list are closed, and must not have complained.
 * To be called once, at the top of the file.
 */
export function closedAfterEach(): Dashboard[] {
  const dashboards: Dashboard[] = [];
  afterEach(async () => {
    for (const { complaints, close } of dashboards.splice(0)) {
      await close();
      expect(complaints).toEqual([]);
    }
  });
  return dashboards;
}

/** The theme and the window that a page is shown in. */
export type Look = { colorScheme: 'light' | 'dark'; size: keyof typeof sizes };

/** The looks that every state is examined in: one of each theme by day, and at night all of them. */
export function looks(): readonly Look[] {
  const byDay: readonly Look[] = [
    { colorScheme: 'light', size: 'wide' },
    { colorScheme: 'dark', size: 'phone' },
  ];
  if (!inject('isNightly')) return byDay;
  return (['light', 'dark'] as const).flatMap((colorScheme) =>
    (['small', 'phone', 'tablet', 'wide'] as const).map((size) => ({ colorScheme, size })),
  );
}

/** The pictures of every run: the two pages that people see most. */
const shownByDay = /^(?:list|key)-(?:light|dark)-/;

let addresses = 0;

/** Opens a browsing context of its own. Each has another client address, as attempts are limited. */
export async function openDashboard(
  browser: TestBrowser,
  edge: Edge,
  options: DashboardOptions = {},
): Promise<Dashboard> {
  addresses += 1;
  const context = await browser.newContext({
    viewport: sizes[options.size ?? 'wide'],
    colorScheme: options.colorScheme ?? 'light',
    javaScriptEnabled: options.javaScriptEnabled ?? true,
    permissions: ['clipboard-read', 'clipboard-write'],
    extraHTTPHeaders: { 'CF-Connecting-IP': `192.0.2.${addresses}`, ...options.headers },
  });
  const complaints: string[] = [];
  // Chromium reports violations to the console as well, but not all of them as errors.
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  const dashboard: Dashboard = {
    page,
    context,
    complaints,
    async go(path) {
      await page.goto(edge.url + path);
    },
    async signIn(token = edge.adminToken) {
      await dashboard.go('/_edge/');
      await page.getByLabel('Admin token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
    },
    async screenshot(name) {
      if (!inject('isNightly') && !shownByDay.test(name)) return;
      const path = join(projectRoot, 'test-output/screenshots', `${name}.png`);
      await mkdir(dirname(path), { recursive: true });
      await page.screenshot({ path, fullPage: true });
    },
    close: () => context.close(),
  };
  return dashboard;
}

/**
 * Takes a picture of the page, and expects that axe finds nothing serious and that nothing is cut off at the
 * side, where there is no need to scroll.
 */
export async function examine(
  { page, screenshot }: Dashboard,
  { colorScheme, size }: Look,
  name: string,
): Promise<void> {
  await screenshot(`${name}-${colorScheme}-${size}`);
  expect.soft(await axeFindings(page), name).toEqual([]);
  const hiddenPixels = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect.soft(hiddenPixels, name).toBe(0);
}

/** The findings of axe on the page, as one line each; only serious and critical ones. */
export async function axeFindings(page: Page): Promise<string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  // Evaluated from outside, which a CSP does not concern.
  await page.evaluate(await readFile(path, 'utf8'));
  return page.evaluate(async () => {
    type Violation = { id: string; impact: string; nodes: { target: string[]; html: string }[] };
    const axe = (globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } })
      .axe;
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ target, html }) => `${id}: ${target.join(' ')} ${html.slice(0, 200)}`),
      );
  });
}
