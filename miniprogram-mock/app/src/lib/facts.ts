/** The questions of a precheck, asked a few at a time: the server says which facts it still needs to decide. */
import { computed, reactive, shallowRef } from 'vue';
import { get, post, type Schema } from '@/api/http';
import { t } from './i18n';
import { store } from './store';
import { me } from './session';

export type Facts = Record<string, string | number | boolean | null>;
type Fact = Schema<'EnrolmentFact'>;

/** Where the answers of a precheck wait for the form. */
const name = () => `draft:facts:${me.value?.id ?? ''}`;

/** Dates that some children do not have: no entry in the household register, no house. */
const MAY_BE_NONE = ['hukou_on', 'house_on', 'lease_until', 'permit_on'];

export function factbook() {
  const facts = reactive<Facts>({ ...store.get<Facts>(name()) });
  const dictionary = shallowRef<Fact[]>([]);
  const result = shallowRef<Schema<'PrecheckResult'>>();

  const also = shallowRef<string[]>([]);

  /** What decides the papers and the order among equals is asked too, when the batch is already clear. */
  function heed(rules: Schema<'EnrolmentRound'>['rules']) {
    const found = new Set<string>();
    const walk = (part: unknown): void => {
      if (!part || typeof part !== 'object') return;
      for (const [key, value] of Object.entries(part)) {
        if (key === 'fact' && typeof value === 'string') found.add(value);
        else walk(value);
      }
    };
    for (const paper of rules.documents ?? []) walk(paper.when);
    for (const rule of rules.tie_break ?? []) if (rule.startsWith('earlier:')) found.add(rule.slice('earlier:'.length));
    // Who has an entry in the register or a house is no migrant: the server asks that when it matters.
    found.delete('migrant');
    also.value = [...found];
  }

  async function learn() {
    if (dictionary.value.length === 0) dictionary.value = (await get('/api/v1/meta/enrolment-facts')).items;
  }
  async function check(round: string, more: { home_id?: string; born_on?: string; choices?: string[] }) {
    await learn();
    store.set(name(), facts);
    const body = { facts: { ...facts }, ...(more.home_id ? { home_id: more.home_id } : {}), ...(more.born_on ? { born_on: more.born_on } : {}), ...(more.choices?.length ? { choices: more.choices } : {}) };
    result.value = await post('/api/v1/enrolment-rounds/{id}/precheck', body, { ids: [round] });
  }

  /** The questions on the screen: those that were answered, then those that the server asks for. */
  const questions = computed(() => {
    const wanted = [...Object.keys(facts), ...(result.value?.missing_facts ?? []).filter((fact) => fact.askable).map((fact) => fact.fact), ...also.value];
    return dictionary.value.filter((fact) => fact.declared && wanted.includes(fact.name)).sort((a, b) => wanted.indexOf(a.name) - wanted.indexOf(b.name));
  });

  return { facts, result, questions, heed, learn, check, mayBeNone: (fact: string) => MAY_BE_NONE.includes(fact) };
}

export function options(fact: Fact): { value: string; label: string }[] {
  if (fact.kind === 'bool') return [{ value: 'true', label: t('是') }, { value: 'false', label: t('否') }];
  return fact.choices.map((choice) => ({ value: choice.code, label: choice.label }));
}

/** What was said, as the fact's own type. */
export function typed(fact: Fact, said: string): string | number | boolean | null {
  if (said === '') return null;
  if (fact.kind === 'bool') return said === 'true';
  if (fact.kind === 'integer') return Number(said);
  return said;
}
