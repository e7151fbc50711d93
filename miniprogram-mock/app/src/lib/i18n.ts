/** Two languages. The Chinese text is the key, so the source reads as the screen does; `en.ts` has the other one. */
import { ref } from 'vue';
import { store } from './store';
import { en } from './en';

type Language = 'zh' | 'en';

const current = ref<Language>(store.get<Language>('language') ?? 'zh');

export const language = {
  is: (which: Language) => current.value === which,
  tag: () => (current.value === 'zh' ? 'zh-CN' : 'en'),
  set(which: Language) {
    current.value = which;
    store.set('language', which);
    // #ifdef H5
    document.documentElement.lang = language.tag();
    // #endif
  },
};

/** The text in the reader's language, `{0}`, `{1}` … replaced. */
export function t(text: string, ...values: (string | number)[]): string {
  const found = current.value === 'zh' ? text : (en[text] ?? text);
  return values.length === 0 ? found : found.replace(/\{(\d)\}/g, (_, index: string) => String(values[Number(index)] ?? ''));
}
