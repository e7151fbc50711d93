import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { logIn, picture, press, reads, scene, seen, staffLogIn, tap, whoIs, world, write } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

/** The code of a shift, with time enough left to type it. */
async function freshCode(page, shift) {
  await seen(page, '[data-name="code"] input').waitFor();
  const leader = await w.staffToken('leader');
  for (;;) {
    const { code, expires_at } = (await w.api(`/shifts/${shift}/check-in-code`, {}, leader)).body;
    const { now } = (await w.api('/meta/time', undefined, undefined, 'GET')).body;
    if (Date.parse(expires_at) - Date.parse(now) > 15_000) return code;
    await w.sim('/_sim/clock', { advance_s: 16 });
  }
}

scene('volunteer work: sign-up, wait-list, offer, check-in by code, points, certificate', async () => {
  // A shift with one place and one to wait for, so that the wait-list is seen.
  const leaderToken = await w.staffToken('leader');
  const activity = (await w.api('/volunteer-activities', undefined, leaderToken, 'GET')).body.items[0];
  const at = (hours) => new Date(Math.ceil((Date.now() + hours * 3600_000) / 3600_000) * 3600_000).toISOString();
  const made = await w.api(`/volunteer-activities/${activity.id}/shifts`, { starts_at: at(26), ends_at: at(28), capacity: 1, waitlist_capacity: 1, cancel_before_s: 3600 }, leaderToken);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const shift = made.body.id;
  const start = Date.parse(made.body.starts_at);

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
  await w.sim('/_sim/clock', { advance_s: Math.round((start - Date.now()) / 1000) - 600 });
  const leader = await w.phone();
  await staffLogIn(w, leader, 'leader');
  await tap(leader, 'work-roster');
  await seen(leader, `[data-shift="${shift}"]`).click();
  await tap(leader, 'show-code');
  assert.match((await seen(leader, '[data-test="code"]').innerText()).trim(), /^\w{8}$/);
  await second.reload();
  await write(second, 'code', '000000');
  await tap(second, 'check');
  await seen(second, '[role="alert"]').waitFor();
  await picture(leader, 'roster');
  await write(second, 'code', await freshCode(second, shift));
  await tap(second, 'check');
  await reads(second, '服务中');

  await w.sim('/_sim/clock', { advance_s: 2 * 3600 });
  await second.reload();
  await write(second, 'code', await freshCode(second, shift));
  await tap(second, 'check');
  // The button says 签退 as well: what is waited for is the state after it, or the clock would run on before the answer.
  await reads(second, '待结算');
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

const DAY_S = 86_400;
const inDays = (days, hours) => new Date(Math.ceil((Date.now() + days * DAY_S * 1000) / 3600_000) * 3600_000 + hours * 3600_000).toISOString();

/** An activity of its own, published, with its shifts. */
async function activityWith(extra, ...shifts) {
  const leader = await w.staffToken('leader');
  const place = (await w.api('/communities?limit=1', undefined, leader, 'GET')).body.items[0].id;
  const made = await w.api('/volunteer-activities', { community_id: place, title: extra.title, description: '请穿平底鞋。', place: '社区广场', points_per_hour: 10, max_hours: 4, ...extra }, leader);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.equal((await w.api(`/volunteer-activities/${made.body.id}/publish`, {}, leader)).status, 200);
  const ids = [];
  for (const [starts_at, ends_at, places] of shifts) {
    const shift = await w.api(`/volunteer-activities/${made.body.id}/shifts`, { starts_at, ends_at, capacity: 5, cancel_before_s: 3600, ...places }, leader);
    assert.equal(shift.status, 201, JSON.stringify(shift.body));
    ids.push(shift.body.id);
  }
  return { place, leader, id: made.body.id, shifts: ids };
}

scene('two volunteers exchange their shifts', async () => {
  const { shifts } = await activityWith({ title: '换班试点' }, [inDays(40, 0), inDays(40, 2)], [inDays(41, 0), inDays(41, 2)]);
  const pages = [];
  for (const [index, phone] of ['13500000011', '13500000012'].entries()) {
    const page = await w.phone();
    await logIn(w, page, phone);
    await w.open(page, `/volunteer/shift?id=${shifts[index]}`);
    await page.reload();
    await tap(page, 'sign-up');
    await reads(page, '已报名');
    pages.push(page);
  }
  const [first, second] = pages;
  const number = await seen(second, '[data-test="swap-id"]').innerText();
  await tap(first, 'swap');
  await write(first, 'swap_with', `我的换班号 ${number}`);
  await tap(first, 'swap-send');
  await reads(first, '待对方答复');
  await tap(second, 'to-swaps');
  await reads(second, '有人想和您换班');
  await picture(second, 'swaps');
  await tap(second, 'agree');
  await press(second, '确定');
  await reads(second, '已换班');
  // The place has changed hands: the other day is theirs now.
  await seen(second, '[aria-label="看我的班次"]').click();
  await seen(second, '[data-test="mine"]').waitFor();
  assert.match(second.url(), new RegExp(shifts[0]));
  await first.reload();
  await reads(first, '已换班');
  for (const page of pages) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('a place that became free is counted down, and may be declined', async () => {
  const { shifts } = await activityWith({ title: '递补试点' }, [inDays(50, 0), inDays(50, 2), { capacity: 1, waitlist_capacity: 3 }]);
  const [first, second] = [await w.phone(), await w.phone()];
  for (const [page, phone] of [[first, '13500000021'], [second, '13500000022']]) {
    await logIn(w, page, phone);
    await w.open(page, `/volunteer/shift?id=${shifts[0]}`);
    await page.reload();
    await tap(page, 'sign-up');
    await seen(page, '[data-test="mine"]').waitFor();
  }
  await tap(first, 'cancel');
  await press(first, '确定');
  await seen(first, '[data-test="sign-up"]').waitFor();
  await second.reload();
  const left = seen(second, '[data-test="offer-left"]');
  // Drawn by the phone's clock until the server's is known.
  await left.filter({ hasText: /^\s*(1 小时 \d\d 分|2 小时 00 分|\d\d:\d\d)\s*$/ }).waitFor();
  await picture(second, 'offer');
  await tap(second, 'decline-offer');
  await press(second, '不去');
  await seen(second, '[data-test="sign-up"]').waitFor();
  for (const page of [first, second]) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('checking in on the spot tells where one is, and says kindly why not', async () => {
  // The same place in the browser's coordinates and in those of Chinese maps; a spot is fifty metres wide, the two lie five hundred apart.
  const [wgs, gcj] = [{ latitude: 31.1774276, longitude: 121.5272106 }, { lat: 31.175304, lng: 121.531542 }];
  const start = inDays(5, 0);
  const { shifts } = await activityWith({ title: '现场签到试点', spot: { ...gcj, radius_m: 50 } }, [start, inDays(5, 2)]);
  const page = await w.phone();
  await logIn(w, page, '13500000031');
  await w.open(page, `/volunteer/shift?id=${shifts[0]}`);
  await page.reload();
  await tap(page, 'sign-up');
  await reads(page, '已报名');
  const now = Date.parse((await w.api('/meta/time', undefined, undefined, 'GET')).body.now);
  await w.sim('/_sim/clock', { advance_s: Math.round((Date.parse(start) - now) / 1000) - 600 });
  await page.reload();
  await write(page, 'code', await freshCode(page, shifts[0]));
  await tap(page, 'check');
  await reads(page, '没有得到位置授权');

  const context = page.context();
  await context.grantPermissions(['geolocation']);
  await context.setGeolocation({ latitude: 39.9, longitude: 116.4 });
  await write(page, 'code', await freshCode(page, shifts[0]));
  await tap(page, 'check');
  await reads(page, '您不在活动地点附近');
  await context.setGeolocation(wgs);
  await page.reload();
  await write(page, 'code', await freshCode(page, shifts[0]));
  await tap(page, 'check');
  await reads(page, '服务中');
  assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);

scene('a minor signs up when a parent has agreed', async () => {
  const { place, id, shifts } = await activityWith({ title: '小小志愿者' }, [inDays(90, 0), inDays(90, 2)]);
  const manager = await w.staffToken('manager');
  const building = (await w.api(`/communities/${place}/buildings?limit=100`, undefined, manager, 'GET')).body.items[0];
  const home = (await w.api(`/buildings/${building.id}/homes`, undefined, manager, 'GET')).body.items[1].id;
  const [parent, child] = [await w.phone(), await w.phone()];
  const year = new Date(Date.parse((await w.api('/meta/time', undefined, undefined, 'GET')).body.now)).getUTCFullYear();
  for (const [page, phone, relation, name, age] of [[parent, '13500000041', 'owner', '周建', 40], [child, '13500000042', 'family', '周小', 14]]) {
    await logIn(w, page, phone);
    const person = await w.api('/people', { community_id: place, name, sex: 'male', born_on: `${year - age}-01-02`, facts: [{ home_id: home, kind: relation, from: '2015-06-01' }] }, manager);
    assert.equal(person.status, 201, JSON.stringify(person.body));
    const claim = await w.api('/home-bindings', { home_id: home, relation }, (await whoIs(page)).token);
    assert.equal((await w.api(`/home-bindings/${claim.body.id}/approve`, { person_id: person.body.id }, manager)).status, 200);
  }
  await w.open(child, `/volunteer/shift?id=${shifts[0]}`);
  await child.reload();
  await tap(child, 'sign-up');
  await reads(child, '未满十八岁，请监护人同意');
  const number = await seen(child, '[data-test="my-id"]').innerText();

  await w.open(parent, `/volunteer/shift?id=${shifts[0]}`);
  await parent.reload();
  await tap(parent, 'to-consents');
  await write(parent, 'minor', number);
  await write(parent, 'minor_name', '小周');
  await tap(parent, 'consent');
  await tap(parent, 'give');
  await seen(parent, '[data-test="given"]').waitFor();
  await reads(parent, '小周');
  await picture(parent, 'consents');
  await tap(child, 'sign-up');
  await reads(child, '已报名');

  await tap(parent, 'withdraw');
  await press(parent, '确定');
  await reads(parent, '已撤回');
  await child.reload();
  await seen(child, '[data-test="sign-up"]').waitFor();
  assert.match(parent.url(), new RegExp(id));
  for (const page of [parent, child]) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);
