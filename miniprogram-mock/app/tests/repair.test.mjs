import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { chip, logIn, photograph, picture, reads, scene, seen, staffLogIn, tap, world, write, press } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

scene('from first log-in to a rated repair', async () => {
  const resident = await w.phone();
  await logIn(w, resident, '13912345678', '陈阿姨');
  await picture(resident, 'home');

  // My home: claimed by the resident, checked by the grid worker.
  await press(resident, '我的');
  await tap(resident, 'my-homes');
  await tap(resident, 'add-home');
  await seen(resident, '[data-value^="bld_"]').click();
  await seen(resident, '[data-value^="hom_"] >> nth=0').waitFor();
  await resident.locator('[data-value^="hom_"]').nth(2).click();
  await chip(resident, 'family');
  await tap(resident, 'claim');
  await reads(resident, '待核实');

  const grid = await w.phone();
  await staffLogIn(w, grid, 'grid1');
  await tap(grid, 'work-claims');
  await tap(grid, 'approve');
  await reads(grid, '没有待核实的认证');

  // The report, with a photograph.
  await w.open(resident);
  await tap(resident, 'service-repair');
  await chip(resident, 'plumbing');
  await reads(resident, '承诺 30 分钟内接单');
  await seen(resident, '[data-value^="hom_"]').click();
  await write(resident, 'title', '厨房水管漏水');
  await write(resident, 'description', '水槽下方一直滴水，地上已经湿了一片。');
  await photograph(resident, seen(resident, '[aria-label="拍照或选图"]'), '水槽下方');
  await seen(resident, '[aria-label="删除照片"]').waitFor();
  await picture(resident, 'repair-new');
  await tap(resident, 'submit');
  await reads(resident, '已收到您的报修');
  await reads(resident, '待派单');
  const id = new URL(resident.url()).hash.match(/id=(tkt_\w+)/)[1];

  // The board gives it to a worker.
  const manager = await w.phone();
  await staffLogIn(w, manager, 'manager');
  await tap(manager, 'work-board');
  await reads(manager, '厨房水管漏水');
  await reads(manager, '田庵花苑 1号楼 201');
  await picture(manager, 'board');
  await tap(manager, 'assign');
  await seen(manager, '[data-worker="维修师傅 老陈"]').click();
  await reads(manager, '这里没有工单');

  // The worker's day: one thumb.
  const worker = await w.phone();
  await staffLogIn(w, worker, 'worker1');
  await tap(worker, 'work-day');
  await tap(worker, 'accept');
  await tap(worker, 'arrive');
  await tap(worker, 'open');
  await tap(worker, 'quote');
  await write(worker, 'item_0', '角阀');
  await write(worker, 'price_0', '30');
  await press(worker, '再加一项');
  await write(worker, 'item_1', '人工');
  await write(worker, 'price_1', '50.00');
  await reads(worker, '¥80.00');
  await tap(worker, 'send-quote');
  await reads(worker, '待确认报价');

  // The resident's page is live: nothing is reloaded by hand.
  await reads(resident, '¥80.00');
  await picture(resident, 'repair-quote');
  await tap(resident, 'approve-quote');
  await reads(resident, '报价已同意');

  await worker.reload();
  await tap(worker, 'resolve');
  await write(worker, 'note', '换了角阀，已不漏。');
  await photograph(worker, seen(worker, '[aria-label="拍照或选图"]'), '已更换');
  await seen(worker, '[aria-label="删除照片"]').waitFor();
  await tap(worker, 'send-resolve');
  await reads(worker, '师傅报完工');

  await reads(resident, '换了角阀，已不漏。');
  await tap(resident, 'confirm');
  for (const [what, stars] of [['overall', 5], ['speed', 4], ['service', 5]]) await seen(resident, `[data-test="${what}"] [data-star="${stars}"]`).click();
  await write(resident, 'comment', '来得快，收拾得干净。');
  await tap(resident, 'rate');
  await reads(resident, '您的评价');

  const ticket = (await w.api(`/repair-tickets/${id}`, undefined, await w.staffToken('manager'), 'GET')).body;
  assert.deepEqual([ticket.state, ticket.rating.overall, ticket.rating.speed, ticket.quote.amount_fen], ['closed', 5, 4, 8000]);
  for (const page of [resident, grid, manager, worker]) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('what somebody keeps about me: export, who looked, delete', async () => {
  const page = await w.phone();
  await logIn(w, page, '13700000001');
  await press(page, '我的');
  await tap(page, 'my-data');
  await seen(page, '[data-test="no-views"]').waitFor();
  await tap(page, 'export');
  await reads(page, '志愿报名');
  const [download] = await Promise.all([page.waitForEvent('download'), tap(page, 'export')]);
  assert.equal(download.suggestedFilename(), 'jiazai-my-data.json');
  await tap(page, 'erase');
  await press(page, '注销');
  await reads(page, '账号已注销');
  await tap(page, 'gone');
  await seen(page, '[data-test="to-login"]').waitFor();
  assert.equal(await page.evaluate(() => localStorage.getItem('jiazai:session')), null);
}, () => w);
