// What can be read off the source and the builds, without a browser.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { APP, ROOT } from './support/world.mjs';

const files = (folder, ends) => readdirSync(folder, { recursive: true }).map(String).filter((name) => ends.test(name) && statSync(join(folder, name)).isFile()).map((name) => join(folder, name));
const read = (path) => readFileSync(path, 'utf8');
const sources = files(join(APP, 'src'), /\.(vue|ts)$/).filter((path) => !path.endsWith('schema.d.ts'));
const MP = join(APP, 'dist/build/mp-weixin');
const H5 = join(APP, 'dist/build/h5');

test('every Chinese text has its English', () => {
  const known = files(join(APP, 'src/lib/en'), /\.ts$/).map(read).join('\n');
  // Names of languages and what is keyed by language already; what the server calls a resident without a name.
  const own = /^(中文|周[日一二三四五六]|微信用户|家|[空在人户租]|没有社区)$/;
  const missing = new Set();
  for (const path of sources.filter((path) => !/(lib.en.\w+|when)\.ts$/.test(path)))
    for (const [line] of read(path).matchAll(/^.*$/gm)) {
      if (/^\s*(\/\/|\*|\/\*\*|<!--)/.test(line) || line.includes("language.is('zh')")) continue;
      for (const [, text] of line.matchAll(/'((?:[^'\\\n]|\\.)*\p{Script=Han}(?:[^'\\\n]|\\.)*)'/gu)) if (!own.test(text) && !known.includes(`  '${text}': `)) missing.add(text);
      for (const [, text] of line.matchAll(/<j-page title="([^"]+)"/g)) if (!known.includes(`  '${text}': `)) missing.add(text);
    }
  assert.deepEqual([...missing], []);
});

test('no text stands in a template outside of t()', () => {
  for (const path of sources.filter((name) => name.endsWith('.vue'))) {
    const template = read(path).match(/<template>[\s\S]*<\/template>/)?.[0] ?? '';
    const bare = template.replace(/<!--[\s\S]*?-->/g, '').replace(/\{\{[\s\S]*?\}\}/g, '').replace(/<(?:"[^"]*"|[^">])*>/g, '').match(/\p{Script=Han}+/gu);
    // The seal is a picture made of two characters.
    assert.deepEqual(bare, path.endsWith('login.vue') ? ['家在'] : null, path);
  }
});

test('text and ground keep the contrast that AA asks for, in both themes', () => {
  const tokens = read(join(APP, 'src/ui/tokens.css'));
  const theme = (name) => Object.fromEntries([...tokens.match(new RegExp(`\\.${name} \\{([^}]*)\\}`))[1].matchAll(/--([\w-]+): (#[0-9a-f]{6})/gi)].map(([, key, colour]) => [key, colour]));
  const light = (hex) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const texts = [['ink', 'ground'], ['ink', 'card'], ['ink', 'sunk'], ['ink2', 'ground'], ['ink2', 'card'], ['ink2', 'sunk'], ['ink2', 'main-soft'], ['ink2', 'red-soft'], ['main', 'card'], ['main', 'ground'], ['on-main', 'main'], ['main-ink', 'main-soft'], ['main-ink', 'card'], ['red', 'card'], ['red', 'ground'], ['red', 'red-soft'], ['amber', 'amber-soft'], ['blue', 'blue-soft'], ['ink2', 'grey-soft'], ['ink', 'amber-soft'], ['ink2', 'amber-soft'], ['ink', 'blue-soft'], ['ink2', 'blue-soft']];
  for (const name of ['j-light', 'j-dark']) {
    const colours = theme(name);
    for (const [text, ground] of texts) assert.ok(contrast(colours[text], colours[ground]) >= 4.5, `${name}: ${text} on ${ground} is ${contrast(colours[text], colours[ground]).toFixed(2)}`);
    for (const ground of ['hero1', 'hero2']) assert.ok(contrast('#ffffff', colours[ground]) >= 4.5, `${name}: white on ${ground}`);
    for (const edge of ['card', 'ground']) assert.ok(contrast(colours.edge, colours[edge]) >= 3, `${name}: edge on ${edge}`);
  }
});

test('nothing asks for PATCH, and nothing but our server is named', () => {
  for (const path of sources) assert.doesNotMatch(read(path), /['"]PATCH['"]/i, path);
  for (const folder of [H5, MP])
    for (const path of files(folder, /\.(css|wxss|html|json)$/)) assert.doesNotMatch(read(path).replace(/http:\/\/www\.w3\.org\/\d+\/\w+/g, ''), /https?:\/\//, path);
});

test('the WeChat package is whole: every page has its four files, and every component exists', () => {
  const app = JSON.parse(read(join(MP, 'app.json')));
  const pages = [...app.pages, ...app.subPackages.flatMap((part) => part.pages.map((page) => `${part.root}/${page}`))];
  const promised = JSON.parse(read(join(APP, 'src/pages.json')));
  assert.equal(pages.length, promised.pages.length + promised.subPackages.flatMap((part) => part.pages).length);
  assert.equal(new Set(pages).size, pages.length);
  const seen = new Set();
  const whole = (name, isPage) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const ends of ['js', 'json', 'wxml']) assert.ok(existsSync(join(MP, `${name}.${ends}`)), `${name}.${ends}`);
    const json = JSON.parse(read(join(MP, `${name}.json`)));
    assert.equal(json.component === true, !isPage, name);
    for (const used of Object.values(json.usingComponents ?? {})) whole(used.startsWith('/') ? used.slice(1) : join(name, '..', used), false);
  };
  for (const page of pages) whole(page, true);
  assert.ok(seen.size > pages.length);
  assert.match(JSON.parse(read(join(MP, 'theme.json'))).dark.nav, /^#/);
});

test('the WeChat package keeps the limits: main at most 1 MiB, each part 2 MiB, no file but what the platform takes', () => {
  const app = JSON.parse(read(join(MP, 'app.json')));
  const roots = app.subPackages.map((part) => `${part.root}/`);
  const sizes = { main: 0 };
  for (const path of files(MP, /./)) {
    const name = path.slice(MP.length + 1);
    assert.match(name, /\.(js|json|wxml|wxss|wxs|png|jpg|svg)$/, name);
    const part = roots.find((root) => name.startsWith(root)) ?? 'main';
    sizes[part] = (sizes[part] ?? 0) + statSync(path).size;
  }
  console.log(`WeChat package: ${JSON.stringify(sizes)}`);
  assert.ok(sizes.main <= 1024 * 1024, `main: ${sizes.main}`);
  for (const [part, size] of Object.entries(sizes)) assert.ok(size <= 2 * 1024 * 1024, part);
});

test('the lock file names no registry', () => {
  assert.doesNotMatch(read(join(APP, 'package-lock.json')), /"resolved"/);
  assert.ok(existsSync(join(ROOT, 'openapi.yaml')));
});
