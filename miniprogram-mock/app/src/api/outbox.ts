/**
 * Submissions that must happen once.
 *
 * A phone loses the answer more often than the request. So a submission gets a key before it is first sent, the key is
 * written down, and until the outcome is known every repeat of the same content carries the same key — also after the
 * app was killed in between. The server then answers the repeat with what it did the first time.
 */
import { Problem, asProblem } from './http';
import { store } from '@/lib/store';

interface Pending {
  key: string;
  /** A fingerprint of what was sent: a resubmission with other content is another submission. */
  print: string;
}

const name = (slot: string) => `outbox:${slot}`;

function newKey(): string {
  let key = '';
  for (let i = 0; i < 4; i += 1) key += Math.random().toString(36).slice(2, 10).padEnd(8, '0');
  return `${Date.now().toString(36)}-${key}`;
}

/** Tells two contents of one form apart; the content itself is not kept a second time. The server compares in earnest. */
function fingerprint(text: string): string {
  let a = 0x811c9dc5;
  let b = 5381;
  for (let i = 0; i < text.length; i += 1) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = (Math.imul(b, 33) + text.charCodeAt(i)) | 0;
  }
  return `${text.length}.${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`;
}

/** Whether a submission of this slot is without an outcome. */
export function pending(slot: string): boolean {
  return store.get<Pending>(name(slot)) !== undefined;
}

/**
 * Sends once. `send` gets the key; `slot` names the form (one submission under way each).
 *
 * @throws {Problem} the refusal; the key is kept only when the outcome is not known
 */
export async function once<T>(slot: string, body: unknown, send: (key: string) => Promise<T>): Promise<T> {
  const print = fingerprint(JSON.stringify(body));
  const known = store.get<Pending>(name(slot));
  const entry = known?.print === print ? known : { key: newKey(), print };
  store.set(name(slot), entry);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const answer = await send(entry.key);
      store.remove(name(slot));
      return answer;
    } catch (error) {
      const problem: Problem = asProblem(error);
      if (!problem.undecided) {
        store.remove(name(slot));
        throw problem;
      }
      // One quiet repeat: most lost answers are there at the second asking.
      if (attempt > 0 || problem.status === 429) throw problem;
    }
  }
}
