/**
 * What WeChat does on a phone, and what its stand-in does in the browser.
 *
 * In the browser the page plays the phone: the simulator hands out the codes that `wx.login` and the phone-number button
 * would. Which openid the browser has is kept, so that the same person comes back.
 */
import { get, post } from '@/api/http';
import type { Schema } from '@/api/http';
import { store } from './store';

type Template = Schema<'Accepted'>['accepted'][number];

// #ifdef H5
let about: Promise<string> | undefined;

function simulator(): Promise<string> {
  about ??= new Promise<string>((done, failed) => {
    uni.request({
      url: '/app/demo.json',
      timeout: 8000,
      success: (answer) => {
        const base = (answer.data as { simulator?: string } | undefined)?.simulator;
        if (base) done(base);
        else failed(new Error('no simulator'));
      },
      fail: failed,
    });
  });
  about.catch(() => (about = undefined));
  return about;
}

async function ask<T>(path: string, body: object): Promise<T> {
  const base = await simulator();
  return new Promise<T>((done, failed) => {
    uni.request({
      url: base + path,
      method: 'POST',
      data: JSON.stringify(body) as unknown as AnyObject,
      // Plain text needs no preflight; the simulator reads JSON whatever it is called.
      header: { 'Content-Type': 'text/plain' },
      timeout: 8000,
      success: (answer) => (answer.statusCode === 200 ? done(answer.data as T) : failed(new Error(`simulator: ${answer.statusCode}`))),
      fail: (fault) => failed(new Error(fault.errMsg)),
    });
  });
}
// #endif

/** What `wx.login` hands out. */
export async function loginCode(): Promise<string> {
  // #ifdef MP-WEIXIN
  return new Promise((done, failed) => uni.login({ provider: 'weixin', success: (answer) => done(answer.code), fail: failed }));
  // #endif
  // #ifdef H5
  const answer = await ask<{ code: string; openid: string }>('/_sim/login-codes', { openid: store.get<string>('openid') });
  store.set('openid', answer.openid);
  return answer.code;
  // #endif
}

/** In the browser: what the phone-number button would hand out for this number. */
export async function phoneCode(phone: string): Promise<string> {
  // #ifdef H5
  const openid = store.get<string>('openid');
  return (await ask<{ code: string }>('/_sim/phone-codes', { openid, phone })).code;
  // #endif
  // #ifdef MP-WEIXIN
  throw new Error(phone);
  // #endif
}

/** Another person on this browser: the next log-in makes a new account. */
export function becomeSomebodyElse(): void {
  store.remove('openid');
}

let templatesKnown: Schema<'Consents'>['items'] = [];

/** Learns the templates' ids while the page opens: at the tap there is no time to ask, the platform wants it in the same breath. */
export function prepareNotices(): void {
  get('/api/v1/me/notice-consents').then(
    (answer) => (templatesKnown = answer.items),
    () => undefined,
  );
}

/**
 * Asks leave to send messages about what is being submitted. Must be called in a tap's handler, before anything is
 * awaited. Nobody is bothered by a failure: whoever says no, or has no WeChat, reads the progress in the app.
 */
export async function askForNotices(templates: Template[]): Promise<boolean> {
  try {
    const known = templatesKnown.filter((item) => templates.includes(item.template as Template) && item.template_id);
    if (known.length === 0) return false;
    let accepted = known.map((item) => item.template as Template);
    // #ifdef MP-WEIXIN
    const answer = await new Promise<Record<string, string>>((done) =>
      uni.requestSubscribeMessage({
        tmplIds: known.map((item) => item.template_id as string).slice(0, 5),
        success: (result) => done(result as unknown as Record<string, string>),
        fail: () => done({}),
      }),
    );
    accepted = known.filter((item) => answer[item.template_id as string] === 'accept').map((item) => item.template as Template);
    // #endif
    // #ifdef H5
    const openid = store.get<string>('openid');
    for (const item of known) await ask('/_sim/subscriptions', { openid, template_id: item.template_id, times: 1 });
    // #endif
    if (accepted.length > 0) await post('/api/v1/me/notice-consents', { accepted });
    return accepted.length > 0;
  } catch {
    return false;
  }
}
