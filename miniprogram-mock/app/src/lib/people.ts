/**
 * Who somebody is, for those who were told an id by them. The server names nobody to strangers, so what the other is called is
 * remembered on this phone alone.
 */
import { t } from './i18n';
import { me } from './session';
import { store } from './store';

export function nameOf(id: string | null | undefined): string {
  if (!id) return t('没有账号的家人');
  if (id === me.value?.id) return t('我');
  return store.get<string>(`name:${id}`) ?? t('编号尾号 {0}', id.slice(-4));
}

export function remember(id: string, name: string): void {
  if (name.trim()) store.set(`name:${id}`, name.trim());
}

/** The id in what was pasted, which may be a whole message. */
export function idIn(text: string, kind: 'usr' | 'sgn'): string {
  return new RegExp(`${kind}_[0-9a-z]{26}`).exec(text)?.[0] ?? '';
}
