/**
 * What time it is, by the server's clock.
 *
 * A phone's own clock is wrong by minutes, sometimes by years, and a promise or an offer ends when the server says so. How far
 * ours is off is learnt where something is counted down, and kept for the next start.
 */
import { ref } from 'vue';
import { onHide, onShow, onUnload } from '@dcloudio/uni-app';
import { get } from '@/api/http';
import { store } from './store';

/** Clocks drift slowly, but a phone's user may set it. */
const FRESH_MS = 10 * 60_000;

let ahead = store.get<number>('ahead') ?? 0;
let learntAt = 0;
/** Moves what counts down. */
const beat = ref(0);

/** In milliseconds since 1970. Whoever reads it while drawing is drawn again with the next beat. */
export function now(): number {
  void beat.value;
  return Date.now() + ahead;
}

/** Asks the server, unless that was done a moment ago. Half of the way there and back is taken off; a failure changes nothing. */
export async function learnTime(): Promise<void> {
  if (Math.abs(Date.now() - learntAt) < FRESH_MS) return;
  const sent = Date.now();
  try {
    const answer = await get('/api/v1/meta/time');
    const here = Date.now();
    // The phone's clock was set while we waited: what was measured means nothing.
    if (here < sent || here - sent > FRESH_MS) return;
    learntAt = here;
    ahead = Math.round(Date.parse(answer.now) - (sent + here) / 2);
    store.set('ahead', ahead);
    beat.value += 1;
  } catch {
    // The next page asks again; until then the phone's clock, as it was known to be off, serves.
  }
}

/** Keeps a page's countdowns moving while it is looked at. */
export function counting(everyMs = 20_000): void {
  let alarm: ReturnType<typeof setInterval> | undefined;
  const stop = () => {
    if (alarm) clearInterval(alarm);
    alarm = undefined;
  };
  onShow(() => {
    void learnTime();
    alarm ??= setInterval(() => (beat.value += 1), everyMs);
  });
  onHide(stop);
  onUnload(stop);
}
