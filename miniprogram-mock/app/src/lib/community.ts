/** The community that this person belongs to: the one of their home, or the only one there is. */
import { get, type Schema } from '@/api/http';
import { store } from './store';
import { me } from './session';

let known: Schema<'Community'> | undefined = store.get('community');

export async function community(): Promise<Schema<'Community'>> {
  const theirs = me.value?.roles.find((role) => role.community_id)?.community_id;
  if (known && (!theirs || known.id === theirs)) return known;
  const found = theirs ? await get('/api/v1/communities/{id}', undefined, theirs) : (await get('/api/v1/communities', { limit: 1 })).items[0];
  if (!found) throw new Error('没有社区');
  known = found;
  store.set('community', found);
  return found;
}

export function communityName(): string {
  return known?.name ?? '';
}
