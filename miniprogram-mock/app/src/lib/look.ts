/** Light or dark, usual or large type. */
import { computed, ref } from 'vue';
import { store } from './store';

export type Theme = 'auto' | 'light' | 'dark';

const theme = ref<Theme>(store.get<Theme>('theme') ?? 'auto');
const large = ref<boolean>(store.get<boolean>('large') ?? false);
const system = ref<'light' | 'dark'>('light');

try {
  // #ifdef H5
  // Not by `getSystemInfoSync`: it wants the framework's configuration, which is not there yet.
  const query = window.matchMedia('(prefers-color-scheme: dark)');
  system.value = query.matches ? 'dark' : 'light';
  query.addEventListener?.('change', (event) => (system.value = event.matches ? 'dark' : 'light'));
  // #endif
  // #ifdef MP-WEIXIN
  system.value = (uni.getSystemInfoSync() as { theme?: 'light' | 'dark' }).theme ?? 'light';
  uni.onThemeChange?.((change) => (system.value = change.theme as 'light' | 'dark'));
  // #endif
} catch {
  // Old platforms are light.
}

export const dark = computed(() => (theme.value === 'auto' ? system.value === 'dark' : theme.value === 'dark'));

/** The classes of a page's outermost element; the tokens hang on them. */
export const look = computed(() => `j-look ${dark.value ? 'j-dark' : 'j-light'} ${large.value ? 'j-large' : ''}`);

export const settings = {
  get theme() {
    return theme.value;
  },
  set theme(next: Theme) {
    theme.value = next;
    store.set('theme', next);
    paintBars();
  },
  get large() {
    return large.value;
  },
  set large(next: boolean) {
    large.value = next;
    store.set('large', next);
  },
};

/** The platform's own bar follows what was chosen here. */
export function paintBars(): void {
  const colours = dark.value ? { frontColor: '#ffffff', backgroundColor: '#101716' } : { frontColor: '#000000', backgroundColor: '#f6f4ef' };
  uni.setNavigationBarColor({ ...colours, fail: () => undefined });
}
