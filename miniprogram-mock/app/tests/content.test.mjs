// What residents write is looked at before others see it: their own view of it, and the reviewer's queue.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { chip, eventually, logIn, photograph, picture, reads, scene, seen, staffLogIn, tap, whoIs, world, write } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

async function fill(page, title, description) {
  await w.open(page);
  await tap(page, 'service-repair');
  await chip(page, 'plumbing');
  await write(page, 'place', '3 号楼大厅');
  await write(page, 'title', title);
  await write(page, 'description', description);
}

scene('words that are held say so to their author, are looked at, and go public', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500020001', '陈阿姨');
  await fill(page, '大厅漏水', '广告示例：一直在滴水。');
  await tap(page, 'submit');
  await seen(page, '[data-test="held-words"]').waitFor();
  await reads(page, '通过前只有您看得到');
  await picture(page, 'held');

  const staff = await w.phone();
  await staffLogIn(w, staff, 'dispatcher');
  await tap(staff, 'work-content');
  await reads(staff, '广告示例：一直在滴水。');
  await reads(staff, '平台拿不准');
  await picture(staff, 'content');
  await tap(staff, 'approve');
  await reads(staff, '没有要审核的内容');
  // The author's page is live.
  await seen(page, '[data-test="held-words"]').waitFor({ state: 'hidden' });
  for (const one of [page, staff]) assert.deepEqual([one.faults, one.strangers], [[], []]);
}, () => w);

scene('words that are refused stay with their author, who is told', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500020002');
  await fill(page, '楼道太脏', '辱骂示例');
  await tap(page, 'submit');
  await seen(page, '[data-test="held-words"]').waitFor();
  const staff = await w.phone();
  await staffLogIn(w, staff, 'dispatcher');
  await tap(staff, 'work-content');
  await tap(staff, 'reject');
  await write(staff, 'reason', '请文明用语。');
  await tap(staff, 'reject-send');
  await reads(staff, '没有要审核的内容');
  await chip(staff, 'rejected');
  await reads(staff, '辱骂示例');
  const { token } = await whoIs(page);
  await eventually('a notice', async () => (await w.api('/me/notices', undefined, token, 'GET')).body.items.some((one) => one.phrase === '未通过审核'));
  // The author's page is live, and says why.
  await reads(page, '只有您看得到：请文明用语。');
  await seen(page, '[data-test="held-words"]').waitFor({ state: 'hidden' });
  for (const one of [page, staff]) assert.deepEqual([one.faults, one.strangers], [[], []]);
}, () => w);

scene('a photograph that waits for its verdict is seen by its author meanwhile, and by others afterwards', async () => {
  const page = await w.phone();
  await logIn(w, page, '13500020003');
  await fill(page, '门厅漏水', '天花板在滴水。');
  await photograph(page, seen(page, '[aria-label="拍照或选图"]'), '天花板');
  await seen(page, '[aria-label="删除照片"]').waitFor();
  await tap(page, 'submit');
  await reads(page, '已收到您的报修');
  await seen(page, '[aria-label="照片"] img, [role="img"][aria-label="照片"]').waitFor();
  const id = new URL(page.url()).hash.match(/id=(tkt_\w+)/)[1];
  const manager = await w.staffToken('manager');
  const ticket = async () => (await w.api(`/repair-tickets/${id}`, undefined, manager, 'GET')).body;
  await eventually('a verdict', async () => (await ticket()).held_back.length === 0);
  assert.equal((await ticket()).photos.length, 1);
  await page.reload();
  await seen(page, '[aria-label="照片"] img, [role="img"][aria-label="照片"]').waitFor();
  assert.equal(await page.getByText('审核中', { exact: true }).locator('visible=true').count(), 0);
  assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);
