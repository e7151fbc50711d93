// The WeChat build without WeChat: every script runs where there is no browser, every page registers itself, and the
// templates hold only what the platform draws.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import vm from 'node:vm';
import { APP } from './support/world.mjs';

const MP = join(APP, 'dist/build/mp-weixin');
const read = (name) => readFileSync(join(MP, name), 'utf8');
const app = JSON.parse(read('app.json'));
const pages = [...app.pages, ...app.subPackages.flatMap((part) => part.pages.map((page) => `${part.root}/${page}`))];

/** A phone with nothing on it: `wx` answers every call, and there is no window, no document and no fetch. */
function phone() {
  const registered = [];
  const called = [];
  const storage = new Map();
  const known = {
    getStorageSync: (key) => storage.get(key) ?? '',
    setStorageSync: (key, value) => storage.set(key, value),
    getStorageInfoSync: () => ({ keys: [...storage.keys()] }),
    getSystemInfoSync: () => ({ theme: 'light', platform: 'ios', language: 'zh_CN', screenWidth: 390, windowWidth: 390, SDKVersion: '3.8.0', statusBarHeight: 47, safeArea: { top: 47, bottom: 810 } }),
    getAppBaseInfo: () => ({ theme: 'light', language: 'zh_CN', SDKVersion: '3.8.0' }),
    getWindowInfo: () => ({ windowWidth: 390, statusBarHeight: 47 }),
    getDeviceInfo: () => ({ platform: 'ios' }),
    getLaunchOptionsSync: () => ({ path: 'pages/home/home', query: {} }),
    getEnterOptionsSync: () => ({ path: 'pages/home/home', query: {} }),
    canIUse: () => true,
    request: (options) => (called.push(options), { abort: () => undefined }),
  };
  const wx = new Proxy(known, { get: (target, name) => target[name] ?? (() => undefined), has: () => true });
  const world = { wx, console, global: {}, setTimeout, clearTimeout, setInterval, clearInterval, App: (options) => registered.push(['App', options]), Page: (options) => registered.push(['Page', options]), Component: (options) => registered.push(['Component', options]), Behavior: (options) => options, getApp: () => ({ globalData: {} }), getCurrentPages: () => [] };
  vm.createContext(world);
  const modules = new Map();
  const load = (name) => {
    if (modules.has(name)) return modules.get(name).exports;
    const module = { exports: {} };
    modules.set(name, module);
    const require = (path) => load(join(dirname(name), path));
    vm.runInContext(`(function (require, module, exports) {${read(name)}\n})`, world, { filename: name })(require, module, module.exports);
    return module.exports;
  };
  return { registered, called, load };
}

test('every page of the WeChat package runs and registers itself, without a browser', () => {
  const { registered, load } = phone();
  load('app.js');
  assert.deepEqual(registered.map(([what]) => what), ['App']);
  for (const page of pages) {
    const before = registered.length;
    load(`${page}.js`);
    const mine = registered.slice(before).filter(([what, options]) => what !== 'App' && options);
    assert.ok(mine.length >= 1, page);
  }
});

test('the templates of the WeChat package hold only what the platform draws', () => {
  const tags = new Set(['view', 'text', 'image', 'button', 'input', 'textarea', 'picker', 'block', 'slot', 'template', 'wxs', 'import', 'scroll-view']);
  for (const page of pages) {
    const components = Object.keys(JSON.parse(read(`${page}.json`)).usingComponents ?? {});
    for (const [, tag] of read(`${page}.wxml`).matchAll(/<([a-z][\w-]*)/g)) assert.ok(tags.has(tag) || components.includes(tag), `${page}: <${tag}>`);
  }
});

test('what only a browser has is not in the WeChat package, and what only WeChat has is', () => {
  const all = ['my/phone', 'my/data', 'lib/wechat', 'lib/look'].map((name) => read(`${name}.js`)).join('\n');
  assert.doesNotMatch(all, /_sim\/|demo\.json|document\.|window\./);
  // The framework would fetch a picture from its maker's network with it.
  assert.doesNotMatch(read('common/vendor.js'), /preloadAssets/);
  assert.match(read('lib/wechat.js'), /requestSubscribeMessage/);
  assert.match(read('lib/wechat.js'), /\.login\(/);
  assert.match(read('my/phone.wxml') + read('ui/j-button.wxml'), /bindgetphonenumber|open-type/);
});
