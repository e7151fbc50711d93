import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { logIn, picture, press, reads, scene, seen, staffLogIn, tap, world, write } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

scene('volunteer work: sign-up, wait-list, offer, check-in by code, points, certificate', async () => {
  // A shift with one place and one to wait for, so that the wait-list is seen.
  const leaderToken = await w.staffToken('leader');
  const activity = (await w.api('/volunteer-activities', undefined, leaderToken, 'GET')).body.items[0];
  const at = (hours) => new Date(Math.ceil((Date.now() + hours * 3600_000) / 3600_000) * 3600_000).toISOString();
  const made = await w.api(`/volunteer-activities/${activity.id}/shifts`, { starts_at: at(26), ends_at: at(28), capacity: 1, waitlist_capacity: 1, cancel_before_s: 3600 }, leaderToken);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const shift = made.body.id;

  const first = await w.phone();
  await logIn(w, first, '13500000001', '张大姐');
  await tap(first, 'service-volunteer');
  await seen(first, `[data-shift="${shift}"]`).waitFor();
  await picture(first, 'volunteer-calendar');
  await seen(first, `[data-shift="${shift}"]`).click();
  await tap(first, 'sign-up');
  await reads(first, '已报名');

  const second = await w.phone();
  await logIn(w, second, '13500000002', '李师傅');
  await w.open(second, `/volunteer/shift?id=${shift}`);
  await second.reload();
  await press(second, '加入候补');
  await reads(second, '候补第 1 位');

  // The first one cannot come after all; the place is offered to the one who waits.
  await tap(first, 'cancel');
  await press(first, '确定');
  await seen(first, '[data-test="sign-up"]').waitFor();
  await second.reload();
  await reads(second, '有空位了');
  await tap(second, 'accept-offer');
  await reads(second, '已报名');

  // The day has come.
  await w.sim('/_sim/clock', { advance_s: Math.round((Date.parse(at(26)) - Date.now()) / 1000) - 600 });
  const leader = await w.phone();
  await staffLogIn(w, leader, 'leader');
  await tap(leader, 'work-roster');
  await seen(leader, `[data-shift="${shift}"]`).click();
  await tap(leader, 'show-code');
  const code = async () => (await seen(leader, '[data-test="code"]').innerText()).trim();
  await second.reload();
  await write(second, 'code', '000000');
  await tap(second, 'check');
  await seen(second, '[role="alert"]').waitFor();
  await picture(leader, 'roster');
  await write(second, 'code', await code());
  await tap(second, 'check');
  await reads(second, '服务中');

  await w.sim('/_sim/clock', { advance_s: 2 * 3600 });
  await leader.reload();
  await seen(leader, `[data-shift="${shift}"]`).click();
  await tap(leader, 'show-code');
  await second.reload();
  await write(second, 'code', await code());
  await tap(second, 'check');
  await reads(second, '签退');
  await w.sim('/_sim/clock', { advance_s: 1200 });
  await leader.reload();
  await seen(leader, `[data-shift="${shift}"]`).click();
  await tap(leader, 'settle');
  await reads(leader, '已记时长');

  await second.reload();
  await reads(second, '积分，服务');
  await w.open(second, '/volunteer/points');
  await second.reload();
  // Until the answer has come the page shows a dash, so what is waited for is a number.
  await second.locator('[data-test="balance"] >> visible=true').filter({ hasText: /^\s*[1-9]\d*\s*$/ }).waitFor();
  await tap(second, 'issue');
  await seen(second, '[data-test="certificate"]').waitFor();
  await picture(second, 'points');
  for (const page of [first, second, leader]) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);
