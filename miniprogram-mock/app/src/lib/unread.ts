/** How many messages wait in the inbox: the number beside the bell. */
import { ref } from 'vue';
import { get } from '@/api/http';
import { session } from './session';

const count = ref(0);

export const unread = {
  get value() {
    return session.value ? count.value : 0;
  },
  /** As a badge says it; the server counts to a hundred. */
  get text() {
    return unread.value > 99 ? '99+' : String(unread.value);
  },
  /** A number that cannot be had is left as it was: nobody is told that there is nothing. */
  async learn() {
    if (!session.value) return;
    try {
      count.value = (await get('/api/v1/me/notices/unread')).unread;
    } catch {
      // The next page asks again.
    }
  },
  less(by: number) {
    count.value = Math.max(0, count.value - by);
  },
};
