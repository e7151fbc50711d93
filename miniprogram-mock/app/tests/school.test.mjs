import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { chip, idNumber, logIn, photograph, picture, press, reads, scene, seen, staffLogIn, takeTheDayShown, tap, world, write } from './support/world.mjs';

let w;
before(async () => (w = await world()));
after(() => w?.stop());

const fact = (page, name, value) => seen(page, `[data-fact="${name}"] [data-value="${value}"]`).click();

async function photographPapers(page) {
  for (const kind of ['guardian_id', 'vaccination', 'hukou_book', 'deed']) {
    const card = page.locator(`[data-paper="${kind}"]`);
    await photograph(page, card.locator('[aria-label="拍照或选图"]'), kind);
    await card.locator('[aria-label="删除照片"]').waitFor();
  }
}

scene('a family that has nothing to show is told what stands in the way', async () => {
  const page = await w.phone();
  await logIn(w, page, '13611113333');
  await tap(page, 'service-school');
  await tap(page, 'precheck');
  await fact(page, 'hukou_on', 'none');
  await fact(page, 'house_on', 'none');
  await fact(page, 'native', 'false');
  await fact(page, 'migrant', 'false');
  await reads(page, '暂不符合登记条件');
  await press(page, '展开');
  await reads(page, '进城务工人员随迁子女');
}, () => w);

scene('school enrolment from the precheck to the confirmed batch, returned once', async () => {
  const family = await w.phone();
  await logIn(w, family, '13611112222', '小雨爸爸');
  await tap(family, 'service-school');
  await reads(family, '2027 年秋季小学一年级招生');
  await tap(family, 'precheck');
  await reads(family, '还不能判断');
  await fact(family, 'hukou_on', 'some');
  await takeTheDayShown(family, 'hukou_on');
  await fact(family, 'house_on', 'some');
  await takeTheDayShown(family, 'house_on');
  await reads(family, /^符合登记条件/);
  await picture(family, 'school-precheck');

  // What the precheck learnt is in the form already.
  await tap(family, 'to-apply');
  await write(family, 'child_name', '陈小雨');
  await tap(family, 'next');
  await reads(family, '须监护人同意才能登记');
  await write(family, 'child_id', '990000202103150011');
  await tap(family, 'consent');
  await tap(family, 'next');
  await write(family, 'guardian_name_0', '陈建国');
  await write(family, 'guardian_id_0', idNumber('19880412', '003'));
  await write(family, 'guardian_phone_0', '13611112222');
  await write(family, 'address', '田庵花苑 1 号楼 101');
  await tap(family, 'next');
  await reads(family, '属于第 1 批');
  await seen(family, '[data-school="东涂实验小学"]').click();
  await seen(family, '[data-school="田庵小学"]').click();
  await tap(family, 'next');
  await seen(family, '[data-paper="deed"]').waitFor();
  await tap(family, 'submit');
  await reads(family, '还有材料没拍');

  // The phone dies here. Everything is there when it is back, photographs included.
  await photograph(family, seen(family, '[data-paper="guardian_id"] [aria-label="拍照或选图"]'), '身份证');
  await seen(family, '[data-paper="guardian_id"] [aria-label="删除照片"]').waitFor();
  await family.reload();
  await reads(family, '已恢复您上次没填完的内容');
  await tap(family, 'next');
  await tap(family, 'next');
  await tap(family, 'next');
  await seen(family, '[data-paper="guardian_id"] [aria-label="删除照片"]').click();
  await photographPapers(family);
  await picture(family, 'school-papers');

  // The server finds what the form cannot: the last digit is wrong. The person lands at the field.
  await tap(family, 'submit');
  const wrong = seen(family, '.field:has([data-name="child_id"]) .error');
  await wrong.waitFor();
  assert.match(await wrong.innerText(), /校验|证件|身份证/);
  await write(family, 'child_id', idNumber('20210315', '001'));
  await tap(family, 'next');
  await tap(family, 'next');
  await tap(family, 'next');
  await tap(family, 'submit');
  await reads(family, '登记已提交');
  const receipt = await seen(family, '[data-test="receipt"]').innerText();
  assert.match(receipt, /\S{6,}/);

  const first = await w.phone();
  await staffLogIn(w, first, 'reviewer1');
  await tap(first, 'work-queue');
  await seen(first, '[data-application]').click();
  await tap(first, 'claim');
  await tap(first, 'return');
  await chip(first, 'document_unreadable');
  await write(first, 'reason', '户口簿照片反光，请重拍一张。');
  await tap(first, 'send');
  await reads(first, '需补正');

  await family.reload();
  await reads(family, '户口簿照片反光，请重拍一张。');
  await picture(family, 'school-returned');
  await tap(family, 'edit');
  await reads(family, '请按退回意见补正后再提交');
  await tap(family, 'next');
  await write(family, 'guardian_phone_0', '13611112222');
  await tap(family, 'next');
  await tap(family, 'next');
  await seen(family, '[data-paper="hukou_book"] [aria-label="删除照片"]').click();
  await photograph(family, family.locator('[data-paper="hukou_book"] [aria-label="拍照或选图"]'), '户口簿');
  await seen(family, '[data-paper="hukou_book"] [aria-label="删除照片"]').waitFor();
  await tap(family, 'submit');
  await reads(family, '登记已提交');

  await w.open(first, '/staff/queue');
  await seen(first, '[data-application]').click();
  await tap(first, 'claim');
  await reads(first, '审核中');
  await picture(first, 'review');
  await tap(first, 'verify');
  await reads(first, '待复核');

  const second = await w.phone();
  await staffLogIn(w, second, 'reviewer2');
  await tap(second, 'work-queue');
  await chip(second, 'verified');
  await seen(second, '[data-application]').click();
  await tap(second, 'recheck');
  await reads(second, '类别已确认');

  await family.reload();
  await reads(family, '类别已确认');
  await reads(family, '复核通过，类别已确认');

  // The lists are public, and the draw is there for everybody to check.
  const admin = await w.staffToken('enroladmin');
  const round = (await w.api('/enrolment-rounds', undefined, admin, 'GET')).body.items[0].id;
  for (const step of ['close', 'list']) {
    const done = await w.api(`/enrolment-rounds/${round}/${step}`, { early: true, reason: '演示' }, admin);
    assert.equal(done.status, 200, JSON.stringify(done.body));
  }
  const draw = await w.api(`/enrolment-rounds/${round}/draws`, { kind: 'ring' }, admin);
  assert.equal(draw.status, 201, JSON.stringify(draw.body));
  await tap(family, 'to-draw');
  await reads(family, '在号码名册里');
  const revealed = await w.api(`/enrolment-draws/${draw.body.id}/reveal`, { start: 1, interval: 1 }, admin);
  assert.equal(revealed.status, 200, JSON.stringify(revealed.body));
  await family.reload();
  assert.equal((await seen(family, '[data-test="place"]').innerText()).trim(), '1');
  await tap(family, 'verify');
  await reads(family, '重算一遍，结果一致');
  await write(family, 'receipt', '没有的号');
  await reads(family, '名册里没有这个回执号');
  await picture(family, 'draw');
  const [saved] = await Promise.all([family.waitForEvent('download'), tap(family, 'save')]);
  assert.match(saved.suggestedFilename(), /^draw-.+\.json$/);

  // What is listed may be objected to, once; two others look again.
  await w.open(family, '/pages/matters/matters');
  await tap(family, 'tab-school');
  await press(family, '陈小雨 的入学登记');
  await tap(family, 'object');
  await write(family, 'objection', '户口迁入日期应为 2020 年 5 月。');
  await tap(family, 'object-send');
  await reads(family, '复查中');
  await picture(family, 'objection');
  await w.open(first, '/staff/queue');
  await chip(first, 'objection');
  await seen(first, '[data-application]').click();
  await reads(first, '户口迁入日期应为 2020 年 5 月。');
  await tap(first, 'claim');
  await tap(first, 'verify');
  await reads(first, '待复核');
  await w.open(second, '/staff/queue');
  await chip(second, 'verified');
  await seen(second, '[data-application]').click();
  await tap(second, 'recheck');
  await reads(second, '待分配');
  await family.reload();
  await reads(family, '已答复');
  assert.equal(await family.locator('[data-test="object"]').count(), 0);
  for (const page of [family, first, second]) assert.deepEqual([page.faults, page.strangers], [[], []]);
}, () => w);
