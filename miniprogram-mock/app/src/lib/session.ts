/** Who is logged in on this phone. */
import { computed, ref } from 'vue';
import { store } from './store';
import type { components } from '@/api/schema';

export type Session = components['schemas']['Session'];
export type Principal = components['schemas']['Principal'];

const current = ref<Session | undefined>(store.get<Session>('session'));

export const session = {
  get value() {
    return current.value;
  },
  set(next: Session) {
    current.value = next;
    store.set('session', next);
  },
  know(principal: Principal) {
    if (current.value) session.set({ ...current.value, principal });
  },
  end() {
    current.value = undefined;
    store.remove('session');
  },
};

export const me = computed(() => current.value?.principal);
export const isStaff = computed(() => me.value?.kind === 'staff');
export const isResident = computed(() => me.value?.kind === 'resident');

/** The community where this person works; the first, for nearly everybody has one. */
export function worksAs(...roles: string[]): boolean {
  return me.value?.roles.some((role) => roles.includes(role.role)) ?? false;
}
