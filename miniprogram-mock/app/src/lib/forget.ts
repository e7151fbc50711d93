/** Logging out for good: everything that a person leaves behind on the phone, drafts, unsent photographs and unfinished submissions too. */
import { photographs } from './keep';
import { session } from './session';
import { store } from './store';

const THEIRS = ['draft:', 'outbox:', 'name:'];

export function forget(): void {
  void photographs.forget();
  session.end();
  for (const name of store.names()) if (THEIRS.some((start) => name.startsWith(start))) store.remove(name);
}
