// A fresh server with its simulator, and a browser. Each test file has a world of its own.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { chromium } from 'playwright-core';

export const APP = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const ROOT = join(APP, '../..');
const SERVER = process.env.JIAZAI_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug/jiazai');
const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** How long something asynchronous may take on a busy machine. */
export const PATIENCE = Number(process.env.PATIENCE ?? 30_000);

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

export async function world() {
  if (!existsSync(SERVER)) throw new Error(`no server at ${SERVER}: cargo build -p jiazai, or name one in JIAZAI_BIN`);
  const folder = mkdtempSync(join(tmpdir(), 'jiazai-app-'));
  const [port, simPort] = [await freePort(), await freePort()];
  const server = spawn(SERVER, ['serve', '--listen', `127.0.0.1:${port}`, '--data-dir', join(folder, 'data')], {
    cwd: folder,
    env: { PATH: process.env.PATH, WECHAT_SIMULATOR_LISTEN: `127.0.0.1:${simPort}`, JIAZAI_APP_DIR: join(APP, 'dist/build/h5'), JIAZAI_RATE_LIMIT: 'off', RUST_LOG: 'warn' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const base = `http://127.0.0.1:${port}`;
  const sim = `http://127.0.0.1:${simPort}`;
  const until = Date.now() + PATIENCE;
  while (!(await fetch(`${base}/livez`).then((answer) => answer.ok, () => false))) {
    if (server.exitCode !== null || Date.now() > until) throw new Error('the server did not start');
    await new Promise((go) => setTimeout(go, 100));
  }
  const browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });

  const json = async (url, body, token, method = 'POST') => {
    const answer = await fetch(url, { method, headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) }, ...(method === 'GET' ? {} : { body: JSON.stringify(body ?? {}) }) });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  };

  return {
    base,
    simAddress: sim,
    browser,
    /** A phone of its own: own storage, so own person. */
    async phone(options = {}) {
      const context = await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', hasTouch: true, isMobile: true, ...options });
      context.setDefaultTimeout(PATIENCE);
      const page = await context.newPage();
      page.faults = [];
      page.on('pageerror', (error) => page.faults.push(error.message));
      page.on('console', (line) => {
        if (line.type() === 'error' && !/Failed to load resource|net::ERR/.test(line.text())) page.faults.push(line.text());
      });
      page.strangers = [];
      page.on('request', (request) => {
        const { protocol, hostname } = new URL(request.url());
        if (protocol.startsWith('http') && hostname !== '127.0.0.1') page.strangers.push(request.url());
      });
      return page;
    },
    open: (page, path = '') => page.goto(`${base}/app/${path ? `#${path}` : ''}`),
    sim: (path, body, method) => json(sim + path, body, undefined, method),
    api: (path, body, token, method) => json(`${base}/api/v1${path}`, body, token, method),
    async staffToken(username) {
      return (await json(`${base}/api/v1/auth/staff/login`, { username, password: 'jiazai-demo' })).body.access_token;
    },
    async stop() {
      await browser.close();
      server.kill('SIGTERM');
      await new Promise((done) => (server.exitCode === null ? server.once('exit', done) : done()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A test whose screens are kept in `dist/failures` when it fails. */
export function scene(name, act, world) {
  test(name, async () => {
    try {
      await act();
    } catch (error) {
      const folder = join(APP, 'dist/failures');
      mkdirSync(folder, { recursive: true });
      const pages = world().browser.contexts().flatMap((context) => context.pages());
      for (const [index, page] of pages.entries()) await page.screenshot({ path: join(folder, `${name.slice(0, 40).replace(/\W+/g, '-')}-${index}.png`), timeout: 5000 }).catch(() => undefined);
      throw error;
    }
  });
}

// --- what people do --------------------------------------------------------------------------------------------------

/** Pages that were left stay in the document, hidden: what counts is what can be seen. */
export const seen = (page, selector) => page.locator(`${selector} >> visible=true`).first();
export const tap = (page, name) => seen(page, `[data-test="${name}"]`).click();
export const press = (page, text) => page.getByText(text, { exact: true }).locator('visible=true').first().click();
export const write = (page, name, text) => seen(page, `[data-name="${name}"] input, [data-name="${name}"] textarea`).fill(text);
export const reads = (page, text) => page.getByText(text).locator('visible=true').first().waitFor();
export const chip = (page, value) => seen(page, `[data-value="${value}"]`).click();

export async function logIn(world, page, phone = '13800138000', nickname = '') {
  await world.open(page);
  await tap(page, 'to-login');
  await tap(page, 'agree');
  await tap(page, 'wechat-login');
  await seen(page, '[data-test="phone"]').waitFor();
  if (nickname) await write(page, 'nickname', nickname);
  await tap(page, 'phone');
  await write(page, 'phone', phone);
  await tap(page, 'allow-phone');
  await seen(page, '[data-test="service-repair"]').waitFor();
}

export async function staffLogIn(world, page, username) {
  await world.open(page, '/pages/login/login');
  await tap(page, 'switch');
  await write(page, 'username', username);
  await write(page, 'password', 'jiazai-demo');
  await tap(page, 'staff-login');
  await page.getByText('我的工作').locator('visible=true').first().waitFor();
}

/** Who is logged in on this phone, with their token, for what is prepared beside the screen. */
export const whoIs = (page) =>
  page.evaluate(() => {
    const session = JSON.parse(localStorage.getItem('jiazai:session'));
    return { id: session.principal.id, token: session.access_token };
  });

/** What a job of the server does comes when it comes: asks until there is something, and gives it. */
export async function eventually(what, ask) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > until) throw new Error(`never: ${what}`);
    await new Promise((go) => setTimeout(go, 100));
  }
}

/** A well-formed number of nobody: 99 is no province. */
export function idNumber(born, serial) {
  const body = `990000${born}${serial}`;
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = [...body].reduce((all, digit, index) => all + Number(digit) * weights[index], 0);
  return body + '10X98765432'[sum % 11];
}

/** Opens the platform's wheel of days and takes the day at which it stands. */
export async function takeTheDayShown(page, name) {
  await seen(page, `[data-name="${name}"]`).click();
  await page.locator('.uni-picker-action-confirm').locator('visible=true').first().click();
}

/** What the camera would have taken: a small picture drawn by the browser. */
export async function photograph(page, target, words) {
  const bytes = await page.evaluate(async (text) => {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 480;
    const pen = canvas.getContext('2d');
    const shade = pen.createLinearGradient(0, 0, 640, 480);
    shade.addColorStop(0, '#cfd8d3');
    shade.addColorStop(1, '#7d9088');
    pen.fillStyle = shade;
    pen.fillRect(0, 0, 640, 480);
    pen.fillStyle = 'rgba(255,255,255,0.8)';
    pen.fillRect(60, 60, 520, 360);
    pen.fillStyle = '#2b3a36';
    pen.font = '600 44px sans-serif';
    pen.textAlign = 'center';
    pen.fillText(text, 320, 255);
    return canvas.toDataURL('image/jpeg', 0.8).split(',')[1];
  }, words);
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), target.click()]);
  await chooser.setFiles({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(bytes, 'base64') });
}

/** The few that the README shows; the others are for looking at after a run. */
const SHOWN = ['home', 'notices', 'repair-quote', 'school-precheck', 'volunteer-calendar', 'map', 'home-dark-english'];

export async function picture(page, name) {
  const PICTURES = join(...(process.env.UPDATE_PICTURES && SHOWN.includes(name) ? [ROOT, 'docs/pictures'] : [APP, 'dist/pictures']));
  mkdirSync(PICTURES, { recursive: true });
  // The toast and its fading are not what the picture is about.
  await page.locator('uni-toast').waitFor({ state: 'hidden' });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), animations: 'disabled' });
}
