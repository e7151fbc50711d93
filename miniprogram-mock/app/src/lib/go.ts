/** Moving between pages. */
import { session } from './session';

export function go(url: string): void {
  uni.navigateTo({ url, fail: () => uni.reLaunch({ url }) });
}

export function home(): void {
  uni.reLaunch({ url: '/pages/home/home' });
}

export function back(): void {
  if (getCurrentPages().length > 1) uni.navigateBack();
  else home();
}

/** A page behind the log-in: sends the stranger there and says so. */
export function guarded(): boolean {
  if (session.value) return true;
  uni.reLaunch({ url: '/pages/login/login' });
  return false;
}

export function say(title: string): void {
  uni.showToast({ title, icon: 'none', duration: 2200 });
}

export function sure(content: string, confirmText: string, cancelText: string): Promise<boolean> {
  return new Promise((done) => uni.showModal({ title: '', content, confirmText, cancelText, success: (answer) => done(answer.confirm), fail: () => done(false) }));
}
