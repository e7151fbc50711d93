/**
 * Two languages. The Chinese text is the key, so the source reads as the screen does; `en/` has the other one, which a browser
 * fetches only for those who read it.
 */
import { ref, shallowRef } from 'vue';
import { store } from './store';
// #ifdef MP-WEIXIN
import { en as packed } from './en';
// #endif

type Language = 'zh' | 'en';

const current = ref<Language>(store.get<Language>('language') ?? 'zh');
const table = shallowRef<Record<string, string>>({});

async function learn(): Promise<void> {
  // #ifdef MP-WEIXIN
  table.value = packed;
  // #endif
  // #ifdef H5
  // What cannot be fetched now stays Chinese.
  table.value = await import('./en').then((found) => found.en, () => table.value);
  // #endif
}
if (current.value === 'en') void learn();

export const language = {
  is: (which: Language) => current.value === which,
  tag: () => (current.value === 'zh' ? 'zh-CN' : 'en'),
  async set(which: Language) {
    // Written down first: who closes the app now has chosen all the same.
    store.set('language', which);
    if (which === 'en') await learn();
    current.value = which;
    // #ifdef H5
    document.documentElement.lang = language.tag();
    // #endif
  },
};

/** The text in the reader's language, `{0}`, `{1}` … replaced. */
export function t(text: string, ...values: (string | number)[]): string {
  const found = current.value === 'zh' ? text : (table.value[text] ?? text);
  return values.length === 0 ? found : found.replace(/\{(\d)\}/g, (_, index: string) => String(values[Number(index)] ?? ''));
}
