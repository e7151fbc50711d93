/** What a page shows while it asks, when it has the answer, and when it has none. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue';
import { asProblem, type Problem } from '@/api/http';

export interface Loaded<T> {
  data: ShallowRef<T | undefined>;
  problem: ShallowRef<Problem | undefined>;
  loading: Ref<boolean>;
  reload: () => Promise<void>;
}

/** Asks when told to. What is on the screen stays there while it is asked again, and when the second answer is a failure. */
export function load<T>(ask: () => Promise<T>): Loaded<T> {
  const data = shallowRef<T>();
  const problem = shallowRef<Problem>();
  const loading = ref(false);
  let latest = 0;
  async function reload() {
    const mine = (latest += 1);
    loading.value = true;
    try {
      const answer = await ask();
      // A slow first answer must not overwrite a fast second one.
      if (mine === latest) {
        data.value = answer;
        problem.value = undefined;
      }
    } catch (error) {
      if (mine === latest) problem.value = asProblem(error);
    } finally {
      if (mine === latest) loading.value = false;
      uni.stopPullDownRefresh();
    }
  }
  return { data, problem, loading, reload };
}

/** One action at a time, with its refusal. */
export function action() {
  const running = ref('');
  const problem = shallowRef<Problem>();
  async function run<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    // A second tap while the first is under way is the same tap.
    if (running.value) return undefined;
    running.value = name;
    problem.value = undefined;
    try {
      return await work();
    } catch (error) {
      problem.value = asProblem(error);
      return undefined;
    } finally {
      running.value = '';
    }
  }
  return { running, problem, run };
}
