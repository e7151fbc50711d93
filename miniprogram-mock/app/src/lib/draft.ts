/** Forms that survive the phone call in between: every change is written down, for this person and this form. */
import { reactive, ref, watch } from 'vue';
import { photographs } from './keep';
import { me } from './session';
import { store } from './store';

export function draft<T extends object>(form: string, empty: T) {
  const name = `draft:${form}:${me.value?.id ?? ''}`;
  const kept = store.get<T>(name);
  const value = reactive({ ...empty, ...kept }) as T;
  const restored = ref(kept !== undefined);
  /** Grows when the form begins anew, for parts of the page that remember by themselves. */
  const turn = ref(0);
  let done = false;
  watch(value, () => {
    if (!done) store.set(name, value);
  }, { deep: true });
  return {
    value,
    restored,
    turn,
    /** It has been sent: the next form begins empty. */
    clear() {
      done = true;
      store.remove(name);
      void photographs.clear(form);
    },
    /** Begin anew. */
    reset() {
      Object.assign(value, JSON.parse(JSON.stringify(empty)));
      restored.value = false;
      turn.value += 1;
      store.remove(name);
      void photographs.clear(form);
    },
  };
}
