/** For whom I may act in this matter, by delegations that are good today. */
import { get, type Schema } from '@/api/http';
import { every } from './list';
import { me } from './session';

export async function delegated(matter: Schema<'DelegationMatter'>): Promise<Schema<'Delegation'>[]> {
  const all = await every((cursor) => get('/api/v1/me/delegations', { limit: 100, cursor }));
  return all.filter((one) => one.live && one.delegate_id === me.value?.id && one.resident_id !== me.value?.id && one.scopes.includes(matter));
}
