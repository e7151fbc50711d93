/** Instants as people say them, in the community's own time, wherever the phone is. */
import { t, language } from './i18n';
import { now } from './now';

const SHANGHAI_MS = 8 * 3600_000;

interface Parts {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  weekday: number;
}

export function parts(instant: string | number): Parts {
  const at = new Date((typeof instant === 'number' ? instant : Date.parse(instant)) + SHANGHAI_MS);
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(), hour: at.getUTCHours(), minute: at.getUTCMinutes(), weekday: at.getUTCDay() };
}

const two = (value: number) => String(value).padStart(2, '0');
const WEEKDAYS = { zh: ['周日', '周一', '周二', '周三', '周四', '周五', '周六'], en: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] };

export function weekday(instant: string | number): string {
  return WEEKDAYS[language.is('zh') ? 'zh' : 'en'][parts(instant).weekday] ?? '';
}

/** `2026-11-22` */
export function isoDay(instant: string | number): string {
  const at = parts(instant);
  return `${at.year}-${two(at.month)}-${two(at.day)}`;
}

/** `11月22日` */
export function day(instant: string | number): string {
  const at = parts(instant);
  return language.is('zh') ? `${at.month}月${at.day}日` : `${two(at.month)}/${two(at.day)}`;
}

/** `14:05` */
export function clock(instant: string | number): string {
  const at = parts(instant);
  return `${two(at.hour)}:${two(at.minute)}`;
}

/** `11月22日 14:05`, and `今天 14:05` when it is. */
export function moment(instant: string | number): string {
  return `${isoDay(instant) === isoDay(now()) ? t('今天') : day(instant)} ${clock(instant)}`;
}

/** `还剩 2 小时 5 分`, `已超 12 分`, by the server's clock */
export function until(instant: string): string {
  const minutes = Math.round((Date.parse(instant) - now()) / 60_000);
  const away = Math.abs(minutes);
  const days = Math.floor(away / 1440);
  const hours = Math.floor((away % 1440) / 60);
  const text = days > 0 ? (hours > 0 ? t('{0} 天 {1} 小时', days, hours) : t('{0} 天', days)) : hours > 0 ? t('{0} 小时 {1} 分', hours, away % 60) : t('{0} 分钟', away);
  return minutes < 0 ? t('已超 {0}', text) : t('还剩 {0}', text);
}

/** `1 小时 05 分` while there is time, `04:59` in the last hour, nothing left: `00:00`. */
export function countdown(instant: string): string {
  const seconds = Math.max(0, Math.floor((Date.parse(instant) - now()) / 1000));
  if (seconds >= 86_400) return t('{0} 天 {1} 小时', Math.floor(seconds / 86_400), Math.floor((seconds % 86_400) / 3600));
  if (seconds >= 3600) return t('{0} 小时 {1} 分', Math.floor(seconds / 3600), two(Math.floor((seconds % 3600) / 60)));
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
}
