/** English for every text that `t` is called with; a test finds the ones that are missing. */
import { words } from './words';
import { shared } from './shared';
import { my } from './my';
import { repair } from './repair';
import { school } from './school';
import { volunteer } from './volunteer';
import { staff } from './staff';
import { told } from './told';

export const en: Record<string, string> = { ...words, ...shared, ...my, ...repair, ...school, ...volunteer, ...staff, ...told };
