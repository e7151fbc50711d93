// The WeChat build under the platform's own tooling: its compilers read every template and style sheet, and
// `miniprogram-simulate` draws every page with the platform's component library, scripts and data included.
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { JSDOM } from 'jsdom';
import { APP } from './support/world.mjs';

const require = createRequire(import.meta.url);
const wcc = require('miniprogram-compiler/src/wcc.js');
const wcsc = require('miniprogram-compiler/src/wcsc.js');

// A copy elsewhere: this folder's package.json makes every script below it a module, which WeChat's are not.
const folder = mkdtempSync(join(tmpdir(), 'jiazai-wechat-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const MP = join(folder, 'mp');
cpSync(join(APP, 'dist/build/mp-weixin'), MP, { recursive: true });
const app = JSON.parse(readFileSync(join(MP, 'app.json'), 'utf8'));
const pages = [...app.pages, ...app.subPackages.flatMap((part) => part.pages.map((page) => `${part.root}/${page}`))];
const names = (ends) => readdirSync(MP, { recursive: true }).map(String).filter((name) => name.endsWith(ends)).map((name) => name.slice(0, -ends.length));
const ROOM = { maxBuffer: 64 * 1024 * 1024 };

test('the platform compiles every template of the package, and not one that is broken', () => {
  assert.match(wcc(MP, names('.wxml'), [], ROOM), /\$gwx/);
  writeFileSync(join(folder, 'broken.wxml'), '<view><text>{{a.</text></view>');
  assert.throws(() => wcc(folder, ['broken'], [], ROOM), /broken\.wxml/);
});

test('the platform compiles every style sheet of the package, and not one that is broken', () => {
  // It returns its refusal instead of throwing it.
  const refused = (root, sheets) => (wcsc(root, sheets, ROOM) instanceof Error ? wcsc(root, sheets, ROOM).message : '');
  for (const name of names('.wxss')) assert.equal(refused(MP, [name]), '', name);
  writeFileSync(join(folder, 'broken.wxss'), '.a > * { color: red; }');
  assert.match(refused(folder, ['broken']), /broken\.wxss/);
});

// --- pages, drawn ----------------------------------------------------------------------------------------------------

const dom = new JSDOM('<!doctype html><body></body>');
Object.assign(globalThis, { window: dom.window });
for (const name of ['document', 'Event', 'CustomEvent', 'Node', 'HTMLElement', 'MouseEvent']) globalThis[name] = dom.window[name];

const storage = new Map();
/** What the server answers, by the path's end; what is not here has no network. */
let answers = {};
const known = {
  getStorageSync: (key) => storage.get(key) ?? '',
  setStorageSync: (key, value) => storage.set(key, value),
  getStorageInfoSync: () => ({ keys: [...storage.keys()] }),
  getSystemInfoSync: () => ({ theme: 'light', platform: 'ios', language: 'zh_CN', windowWidth: 390, SDKVersion: '3.8.0' }),
  getAppBaseInfo: () => ({ theme: 'light', language: 'zh_CN', SDKVersion: '3.8.0' }),
  getWindowInfo: () => ({ windowWidth: 390, statusBarHeight: 47 }),
  getDeviceInfo: () => ({ platform: 'ios' }),
  getLaunchOptionsSync: () => ({ path: 'pages/home/home', query: {} }),
  getEnterOptionsSync: () => ({ path: 'pages/home/home', query: {} }),
  canIUse: () => true,
  request: (options) => {
    const path = new URL(options.url, 'http://server').pathname.replace('/api/v1', '');
    const data = answers[path];
    queueMicrotask(() => (data ? options.success({ statusCode: 200, data, header: {} }) : options.fail({ errMsg: 'request:fail' })));
    return { abort: () => undefined };
  },
};
globalThis.wx = new Proxy(known, { get: (target, name) => target[name] ?? (() => undefined), has: () => true });
let started;
globalThis.App = (options) => {
  started = options;
  options.onLaunch({ path: 'pages/home/home', query: {} });
};
globalThis.getApp = () => started;
globalThis.getCurrentPages = () => [];
globalThis.Page = () => assert.fail('the framework registers pages as components');
const simulate = require('miniprogram-simulate');
storage.set('jiazai:session', JSON.stringify({ access_token: 'a', refresh_token: 'r', principal: { id: 'usr_1', kind: 'resident', display_name: '陈阿姨', roles: [] } }));
require(join(MP, 'app.js'));

/** What goes on ticking; a page that was left must not. */
const ticking = new Set();
const [begin, end] = [globalThis.setInterval, globalThis.clearInterval];
globalThis.setInterval = (...ask) => {
  const alarm = begin(...ask);
  ticking.add(alarm);
  return alarm;
};
globalThis.clearInterval = (alarm) => {
  ticking.delete(alarm);
  end(alarm);
};
after(() => ticking.forEach(end));

const faults = [];
const complain = console.error;
console.error = (...words) => faults.push(words.map(String).join(' '));
after(() => (console.error = complain));

/** A page as the platform opens it, built, attached, loaded and shown, and as it is left. What it reads once it has stopped asking. */
async function open(name) {
  const page = simulate.render(simulate.load(join(MP, name), { rootPath: MP, compilerOptions: ROOM }), { uP: '0,0' });
  const around = document.createElement('div');
  page.attach(around);
  page.instance.onLoad?.({});
  page.instance.onShow?.();
  // Answers come in microtasks, and what they change is drawn in further ones.
  for (let turn = 0; turn < 20; turn += 1) await new Promise((go) => setImmediate(go));
  const text = around.textContent;
  page.instance.onUnload?.();
  page.detach();
  return text;
}

test('every page of the package is drawn by the platform, with words on it and without a complaint, and stops when it is left', async () => {
  answers = {};
  for (const name of pages) {
    const text = await open(name);
    assert.match(text, /\p{Script=Han}{2}/u, `${name}: ${text}`);
    assert.deepEqual(faults.splice(0), [], name);
    assert.equal(ticking.size, 0, name);
  }
});

test('a page in WeChat shows what the server answered, says when there is nothing, and why when there was no answer', async () => {
  const one = { id: 'hbn_1', home_id: 'hom_1', home_label: '3号楼 2单元 301', relation: 'owner', state: 'active', claimed_at: '2026-09-01T01:00:00Z', allowed_actions: ['end'], version: 1 };
  answers = { '/me/home-bindings': { items: [one], next_cursor: null } };
  const full = await open('my/homes');
  for (const word of ['3号楼 2单元 301', '同户成员', '解除绑定']) assert.ok(full.includes(word), full);
  answers = { '/me/home-bindings': { items: [], next_cursor: null } };
  assert.match(await open('my/homes'), /认证您住的房子/);
  answers = {};
  const failed = await open('my/homes');
  assert.match(failed, /网络不可用，请检查连接后重试/);
  assert.match(failed, /重试/);
  assert.deepEqual(faults.splice(0), []);
});
