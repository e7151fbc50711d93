// What is one's own: messages, long lists, delegates, household, unsent photographs, the clock.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { chip, eventually, logIn, photograph, picture, press, reads, scene, seen, staffLogIn, tap, whoIs, world, write } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

const here = async (token) => (await w.api('/communities?limit=1', undefined, token, 'GET')).body.items[0].id;

/** A report made beside the screen. */
async function report(token, title) {
  const made = await w.api('/repair-tickets', { community_id: await here(token), category: 'plumbing', title, description: '一直在滴水。', place: '3 号楼大厅' }, token);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body;
}

scene('what happened is in the inbox: counted at the bell, opened by a tap, read by that', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500010001', '陈阿姨');
  const { token } = await whoIs(page);
  const ticket = await report(token, '大厅水管漏水');
  const manager = await w.staffToken('manager');
  const worker = (await w.api(`/staff?community_id=${await here(token)}&limit=100`, undefined, manager, 'GET')).body.items.find((one) => one.display_name.includes('老陈'));
  assert.equal((await w.api(`/repair-tickets/${ticket.id}/assign`, { worker_id: worker.id }, manager)).status, 200);
  const workerToken = await w.staffToken('worker1');
  for (const step of ['accept', 'arrive']) assert.equal((await w.api(`/repair-tickets/${ticket.id}/${step}`, {}, workerToken)).status, 200);
  const told = 2;
  const unread = async () => (await w.api('/me/notices/unread', undefined, token, 'GET')).body.unread;
  await eventually('a notice of each step', async () => (await unread()) === told);

  await page.reload();
  await page.locator(`[data-test="bell"][aria-label*="${told}"]`).locator('visible=true').waitFor();
  await tap(page, 'bell');
  await seen(page, '[data-notice="repair_progress"]').waitFor();
  await reads(page, '大厅水管漏水');
  await picture(page, 'notices');
  await seen(page, '[data-notice="repair_progress"]').click();
  await page.locator('[data-test="title"] >> visible=true').filter({ hasText: '大厅水管漏水' }).waitFor();
  await reads(page, '师傅：维修师傅 老陈');
  await eventually('one less', async () => (await unread()) === told - 1);

  await w.open(page, '/my/notices');
  await page.reload();
  await seen(page, '[data-notice]').waitFor();
  await tap(page, 'read-all');
  await seen(page, '[data-test="read-all"]').waitFor({ state: 'hidden' });
  assert.equal(await unread(), 0);
  assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('a long list goes on: at the end of the scroll, by the button, and after a failure', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500010002');
  const { token } = await whoIs(page);
  for (let index = 0; index < 45; index += 1) await report(token, `第 ${index + 1} 处漏水`);
  await press(page, '办件');
  const rows = (count) => page.waitForFunction((wanted) => [...document.querySelectorAll('uni-page .card')].filter((one) => one.checkVisibility()).length === wanted, count);
  await rows(20);
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await rows(40);
  // Back at the top, so that only the button can ask.
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.route('**/api/v1/repair-tickets?*cursor*', (route) => route.abort('connectionrefused'));
  await seen(page, '[data-test="more"]').dispatchEvent('click');
  await reads(page, '网络不可用');
  await page.unroute('**/api/v1/repair-tickets?*cursor*');
  await seen(page, '[data-test="more"]').dispatchEvent('click');
  await rows(45);
  await reads(page, '第 1 处漏水');
  assert.equal(await page.locator('[data-test="more"] >> visible=true').count(), 0);
  assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('somebody lets their daughter act for them, and it is taken back', async () => {
  const mother = await w.phone();
  const daughter = await w.phone();
  await logIn(w, mother, '13500010003', '林奶奶');
  await logIn(w, daughter, '13500010004', '小林');
  await press(daughter, '我的');
  await tap(daughter, 'my-delegations');
  const number = await seen(daughter, '[data-test="my-id"]').innerText();
  assert.equal(number, (await whoIs(daughter)).id);

  await w.open(mother, '/my/delegations');
  await reads(mother, '还没有代办');
  await tap(mother, 'grant');
  await write(mother, 'delegate', '阿嬷的号');
  await tap(mother, 'grant-send');
  await reads(mother, '代办号以 usr_ 开头');
  await write(mother, 'delegate', `我的代办号是 ${number}，帮我粘上`);
  await write(mother, 'delegate_name', '女儿');
  await chip(mother, 'volunteer');
  await tap(mother, 'grant-send');
  await reads(mother, '女儿 替我办');
  await picture(mother, 'delegations');

  await daughter.reload();
  await reads(daughter, /我替 编号尾号 \w{4} 办/);

  // She reports for her mother, and the server is told by which right.
  await w.open(daughter, '/repair/new');
  await chip(daughter, 'plumbing');
  await daughter.getByText(/^编号尾号 \w{4}$/).locator('visible=true').click();
  await write(daughter, 'place', '3 号楼 301');
  await write(daughter, 'title', '妈妈家水管漏水');
  await write(daughter, 'description', '厨房在滴水。');
  const [sent] = await Promise.all([daughter.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/repair-tickets')), tap(daughter, 'submit')]);
  assert.match(sent.postDataJSON().delegation_id, /^\w+$/);
  await reads(daughter, '已收到您的报修');

  await w.open(daughter, '/my/delegations');
  await tap(daughter, 'revoke');
  await press(daughter, '确定');
  await reads(daughter, '已收回');
  await mother.reload();
  await reads(mother, '已收回');
  for (const page of [mother, daughter]) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('who is registered at my home', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500010005', '老赵');
  const { token } = await whoIs(page);
  const [place, manager] = [await here(token), await w.staffToken('manager')];
  const building = (await w.api(`/communities/${place}/buildings?limit=100`, undefined, manager, 'GET')).body.items[0];
  const home = (await w.api(`/buildings/${building.id}/homes`, undefined, manager, 'GET')).body.items[0];
  const person = await w.api('/people', { community_id: place, name: '赵大山', sex: 'male', born_on: '1960-05-01', facts: [{ home_id: home.id, kind: 'owner', from: '2015-06-01' }, { home_id: home.id, kind: 'residence', from: '2015-06-01' }] }, manager);
  assert.equal(person.status, 201, JSON.stringify(person.body));
  const claim = await w.api('/home-bindings', { home_id: home.id, relation: 'owner' }, token);
  assert.equal((await w.api(`/home-bindings/${claim.body.id}/approve`, { person_id: person.body.id }, manager)).status, 200);
  await w.open(page, '/my/homes');
  await tap(page, 'household');
  await seen(page, '[data-test="housemate"]').waitFor();
  const card = await seen(page, '[data-test="housemate"]').innerText();
  assert.match(card, /赵.*我.*产权/s);
  assert.doesNotMatch(card, /赵大山/);
  assert.equal(await page.locator('[data-test="housemate"] >> visible=true').count(), 1);
  await picture(page, 'household');
  assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('a photograph that could not be sent is there when the app is opened again, and goes out then', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500010006');
  await tap(page, 'service-repair');
  await chip(page, 'plumbing');
  await page.route('**/api/v1/files', (route) => route.abort('connectionrefused'));
  await photograph(page, seen(page, '[aria-label="拍照或选图"]'), '水管');
  await reads(page, '重试');
  await page.reload();
  await seen(page, '[data-test="unsent"]').waitFor();
  await reads(page, '重试');
  await page.unroute('**/api/v1/files');
  await press(page, '重试');
  await seen(page, '[data-test="unsent"]').waitFor({ state: 'hidden' });
  await seen(page, '[aria-label="删除照片"]').waitFor();
  // Now the server has it, and the phone keeps no copy.
  await eventually('an empty store', () => page.evaluate(() => new Promise((done) => {
    const asked = indexedDB.open('jiazai', 1);
    asked.onsuccess = () => {
      const count = asked.result.transaction('photos').objectStore('photos').count();
      count.onsuccess = () => done(count.result === 0);
    };
  })));
  await page.reload();
  await seen(page, '[aria-label="删除照片"]').waitFor();
  assert.equal(await page.locator('[data-test="unsent"]').count(), 0);
  assert.deepEqual(page.strangers, []);
}, () => w);

scene('a promise is counted down by the server’s clock, whatever the phone believes', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500010007');
  const ticket = await report((await whoIs(page)).token, '厨房漏水');
  await page.clock.install({ time: Date.now() + 3 * 3600_000 });
  await w.open(page, `/repair/ticket?id=${ticket.id}`);
  await page.reload();
  await reads(page, /接单：承诺 .*还剩 (29|30) 分钟/);
}, () => w);

scene('a grid worker writes down what came of a visit', async () => {
  const manager = await w.staffToken('manager');
  const place = await here(manager);
  const building = (await w.api(`/communities/${place}/buildings?limit=100`, undefined, manager, 'GET')).body.items.find((one) => one.name === '1号楼');
  const home = (await w.api(`/buildings/${building.id}/homes`, undefined, manager, 'GET')).body.items.at(-1);
  const due = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
  assert.equal((await w.api('/home-visits', { home_id: home.id, purpose: '核实独居老人情况', due_on: due }, manager)).status, 201);
  const page = await w.phone();
  await staffLogIn(w, page, 'grid1');
  await tap(page, 'work-visits');
  await tap(page, 'miss');
  await reads(page, '1 次没人开门');
  await tap(page, 'finish');
  await chip(page, 'met');
  await write(page, 'note', '老人身体好。');
  await tap(page, 'finish-send');
  await reads(page, '没有要走访的家');
  assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);
