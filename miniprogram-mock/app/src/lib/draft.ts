/** Forms that survive the phone call in between: every change is written down, for this person and this form. */
import { reactive, ref, watch } from 'vue';
import { me } from './session';
import { store } from './store';

export function draft<T extends object>(form: string, empty: T) {
  const name = `draft:${form}:${me.value?.id ?? ''}`;
  const kept = store.get<T>(name);
  const value = reactive({ ...empty, ...kept }) as T;
  const restored = ref(kept !== undefined);
  let done = false;
  watch(value, () => {
    if (!done) store.set(name, value);
  }, { deep: true });
  return {
    value,
    restored,
    /** It has been sent: the next form begins empty. */
    clear() {
      done = true;
      store.remove(name);
    },
    /** Begin anew. */
    reset() {
      Object.assign(value, JSON.parse(JSON.stringify(empty)));
      restored.value = false;
      store.remove(name);
    },
  };
}
