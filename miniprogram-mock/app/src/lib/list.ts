/** A list that comes by pages: the first at once, the next at the end of the scroll or by the button. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import { onReachBottom } from '@dcloudio/uni-app';
import { asProblem, type Problem } from '@/api/http';
import type { Loaded } from './load';

export interface Page<T> { items: T[]; next_cursor?: string | null }

export interface Listed<T> extends Loaded<T[]> {
  /** Whether there is more on the server. */
  left: Ref<boolean>;
  fetching: Ref<boolean>;
  /** Why the next page did not come; what is shown already stays. */
  trouble: ShallowRef<Problem | undefined>;
  more: () => Promise<void>;
  /** Another question: what was shown answers it no longer. */
  restart: () => Promise<void>;
}

/** As many as fill a long screen twice. */
export const PAGE = 20;
/** How many pages are asked for again when somebody comes back to a long list. */
const AGAIN = 5;

/**
 * Asks for the first page when told to, and for the next at the end of the scroll while `shown` says that this list is the
 * one on the screen. Who comes back from a detail finds as many pages as they left, and where they were. Must be called while
 * the page is set up.
 */
export function list<T>(ask: (cursor: string | undefined) => Promise<Page<T>>, wanted: { keep?: (one: T) => boolean; shown?: () => boolean } = {}): Listed<T> {
  const data = shallowRef<T[]>();
  const problem = shallowRef<Problem>();
  const trouble = shallowRef<Problem>();
  const loading = ref(false);
  const fetching = ref(false);
  const left = ref(false);
  let cursor: string | undefined;
  let pages = 1;
  let latest = 0;
  const kept = (items: T[]) => (wanted.keep ? items.filter(wanted.keep) : items);

  async function reload() {
    const mine = (latest += 1);
    loading.value = true;
    fetching.value = false;
    try {
      const all: T[] = [];
      let next: string | undefined;
      let count = 0;
      do {
        const page = await ask(next);
        // A slow first answer must not overwrite a fast second one.
        if (mine !== latest) return;
        all.push(...kept(page.items));
        next = page.next_cursor ?? undefined;
        count += 1;
      } while (next && count < Math.min(pages, AGAIN));
      [data.value, cursor, left.value, pages] = [all, next, !!next, count];
      problem.value = trouble.value = undefined;
    } catch (error) {
      if (mine === latest) problem.value = asProblem(error);
    } finally {
      if (mine === latest) loading.value = false;
      uni.stopPullDownRefresh();
    }
  }

  async function more() {
    if (!cursor || fetching.value || loading.value) return;
    const mine = latest;
    fetching.value = true;
    trouble.value = undefined;
    try {
      const page = await ask(cursor);
      if (mine !== latest) return;
      data.value = [...(data.value ?? []), ...kept(page.items)];
      cursor = page.next_cursor ?? undefined;
      left.value = !!cursor;
      pages += 1;
    } catch (error) {
      if (mine === latest) trouble.value = asProblem(error);
    } finally {
      if (mine === latest) fetching.value = false;
    }
  }

  async function restart() {
    pages = 1;
    data.value = problem.value = trouble.value = undefined;
    left.value = false;
    await reload();
  }

  onReachBottom(() => {
    if (wanted.shown?.() ?? true) void more();
  });
  return { data, problem, loading, reload, left, fetching, trouble, more, restart };
}

/** No more than this many pages are asked for on end. */
const MOST = 10;

/** All pages of something that is short as a rule and of use only whole: doors to choose from, the history of one matter. */
export async function every<T>(ask: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined;
  for (let count = 0; count < MOST; count += 1) {
    const page = await ask(next);
    all.push(...page.items);
    next = page.next_cursor ?? undefined;
    if (!next) break;
  }
  return all;
}

/** Pages, for `list`, of something that is fetched whole because it is shown in another order than the server's. */
export function slices<T>(fetch: () => Promise<T[]>): (cursor: string | undefined) => Promise<Page<T>> {
  let all: T[] = [];
  return async (cursor) => {
    if (!cursor) all = await fetch();
    const from = Number(cursor ?? 0);
    return { items: all.slice(from, from + PAGE), next_cursor: from + PAGE < all.length ? String(from + PAGE) : null };
  };
}
