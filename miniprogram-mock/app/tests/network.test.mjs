// Slow lines, lost answers, dead batteries, a WeChat in trouble.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { chip, eventually, logIn, press, reads, scene, seen, tap, world, write } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

const tickets = async () => (await w.api('/repair-tickets', undefined, await w.staffToken('manager'), 'GET')).body.items;

async function fillReport(page, title) {
  await w.open(page);
  await tap(page, 'service-repair');
  await chip(page, 'plumbing');
  await write(page, 'place', '3 号楼大厅');
  await write(page, 'title', title);
  await write(page, 'description', '从昨晚起一直在滴水。');
}

scene('many requests that meet an expired token renew it once, and all succeed', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000001');
  // Fifteen minutes and a little: the access token is over, the session is not.
  await w.sim('/_sim/clock', { advance_s: 1000 });
  let refreshes = 0;
  let refused = 0;
  page.on('response', (answer) => {
    if (answer.url().includes('/auth/refresh')) refreshes += 1;
    if (answer.status() === 401) refused += 1;
  });
  await page.reload();
  await reads(page, '都办好了');
  await reads(page, '2027 年秋季小学一年级招生');
  assert.ok(refused > 1, `only ${refused} requests met the expired token`);
  assert.equal(refreshes, 1);
}, () => w);

scene('a session that has ended leads to the log-in, once, and not in circles', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000002');
  await page.evaluate(() => {
    const session = JSON.parse(localStorage.getItem('jiazai:session'));
    localStorage.setItem('jiazai:session', JSON.stringify({ ...session, access_token: 'x.y.z', refresh_token: 'jzr_nothing' }));
  });
  let asked = 0;
  page.on('request', (request) => (asked += request.url().includes('/auth/refresh') ? 1 : 0));
  await page.reload();
  await seen(page, '[data-test="to-login"]').waitFor();
  assert.equal(asked, 1);
}, () => w);

scene('a report whose answer is lost is not made twice, even after the app was closed', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000003');
  await fillReport(page, '大厅天花板漏水');
  // The request arrives, the answer does not. Twice, because the app asks again once by itself.
  const keys = [];
  let lost = 0;
  await page.route('**/api/v1/repair-tickets', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    keys.push(await route.request().headerValue('idempotency-key'));
    if (lost < 2) {
      lost += 1;
      await route.fetch();
      return route.abort('connectionreset');
    }
    return route.continue();
  });
  await tap(page, 'submit');
  await reads(page, '上次提交没有收到回音');
  await reads(page, '网络不可用');
  // The battery dies.
  await page.reload();
  await reads(page, '已恢复您上次没填完的内容');
  await reads(page, '上次提交没有收到回音');
  await tap(page, 'submit');
  await reads(page, '已收到您的报修');
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.equal((await tickets()).filter((one) => one.title === '大厅天花板漏水').length, 1);
  // What was sent is no draft any more.
  await w.open(page);
  await tap(page, 'service-repair');
  await chip(page, 'plumbing');
  assert.equal(await page.getByText('已恢复您上次没填完的内容').locator('visible=true').count(), 0);
}, () => w);

scene('without a network the form waits, says so, and goes out when the network is back', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000004');
  await fillReport(page, '门禁坏了');
  await page.context().setOffline(true);
  await tap(page, 'submit');
  await reads(page, '网络不可用');
  await page.context().setOffline(false);
  await tap(page, 'submit');
  await reads(page, '已收到您的报修');
  assert.equal((await tickets()).filter((one) => one.title === '门禁坏了').length, 1);
}, () => w);

scene('a list that cannot be had says why, and comes at the second asking', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000005');
  await page.route('**/api/v1/repair-tickets?*', (route) => route.abort('connectionrefused'));
  await press(page, '办件');
  await reads(page, '网络不可用，请检查连接后重试');
  await page.unroute('**/api/v1/repair-tickets?*');
  await press(page, '重试');
  await reads(page, '还没有报修');
}, () => w);

scene('a server that does not answer is given up after eight seconds', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000006');
  await page.route('**/api/v1/enrolment-applications?*', () => undefined);
  await page.clock.install();
  await press(page, '办件');
  await page.getByText('入学', { exact: true }).locator('visible=true').click();
  await seen(page, '[aria-label="正在加载"]').waitFor();
  // Reading is tried twice, eight seconds each and a half for the platform's own timer.
  await page.clock.runFor(7_900);
  assert.equal(await seen(page, '[aria-label="正在加载"]').isVisible(), true);
  await page.clock.runFor(10_000);
  await page.clock.runFor(10_000);
  await reads(page, '网络太慢，服务器没有及时回应');
}, () => w);

scene('an answer that is no JSON, and one from a server in trouble, are told in words', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000007');
  await page.route('**/api/v1/repair-tickets?*', (route) => route.fulfill({ status: 502, contentType: 'text/html', body: '<html>bad gateway</html>' }));
  await press(page, '办件');
  await reads(page, '服务器暂时无法处理（502）');
  assert.deepEqual(page.faults, []);
}, () => w);

scene('what the server finds wrong stands at its field', async () => {
  const page = await w.phone();
  await logIn(w, page, '13400000008');
  await fillReport(page, '路灯不亮');
  await page.route('**/api/v1/repair-tickets', (route) => (route.request().method() === 'POST' ? route.continue({ postData: JSON.stringify({ ...route.request().postDataJSON(), title: ' ', description: '' }) }) : route.continue()));
  await tap(page, 'submit');
  for (const name of ['title', 'description']) {
    const error = seen(page, `.field:has([data-name="${name}"]) .error`);
    await error.waitFor();
    assert.match(await error.innerText(), /\p{Script=Han}/u);
  }
}, () => w);

scene('never more than ten requests at once, whatever the page wants', async () => {
  const page = await w.phone();
  let now = 0;
  let most = 0;
  page.on('request', (request) => {
    if (request.url().includes('/api/')) most = Math.max(most, (now += 1));
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => (now -= request.url().includes('/api/') ? 1 : 0));
  // A line on which every answer waits until the test lets it go, so that everything is under way together.
  const held = [];
  await logIn(w, page, '13400000009');
  await page.route('**/api/**', (route) => held.push(route));
  await page.reload();
  await eventually('six under way', () => held.length >= 6);
  for (const route of held.splice(0)) await route.continue();
  await page.unroute('**/api/**');
  await reads(page, '都办好了');
  assert.ok(most >= 5 && most <= 10, `${most} at once`);
}, () => w);

scene('WeChat in trouble: the log-in says so and works when WeChat is back', async () => {
  const page = await w.phone();
  await w.open(page, '/pages/login/login');
  await tap(page, 'agree');
  for (const [kind, value] of [['errcode', -1], ['status', 500], ['garbage', undefined]]) {
    await w.sim('/_sim/faults', { api: 'jscode2session', kind, ...(value === undefined ? {} : { value }) });
    await tap(page, 'wechat-login');
    await seen(page, '[role="alert"]').waitFor();
    assert.match(await seen(page, '[role="alert"]').innerText(), /微信|稍后/);
    await w.sim('/_sim/faults', undefined, 'DELETE');
  }
  await w.sim('/_sim/faults', { api: 'jscode2session', kind: 'errcode', value: 40029, times: 1 });
  await tap(page, 'wechat-login');
  await reads(page, '微信登录凭证无效或已使用');
  await tap(page, 'wechat-login');
  await seen(page, '[data-test="phone"]').waitFor();
}, () => w);
