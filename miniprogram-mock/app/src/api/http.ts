/**
 * The request layer: what a phone needs between `uni.request` and a typed call.
 *
 * - at most eight requests under way (the platform allows ten, uploads and downloads included);
 * - eight seconds of patience, then `timeout`;
 * - every refusal becomes a `Problem`, also those that never reached the server;
 * - an expired token is renewed once, however many requests noticed it at the same time.
 *
 * No PATCH exists here: the platform cannot send it and the contract has none.
 */
import { language } from '@/lib/i18n';
import { session, type Session } from '@/lib/session';
import type { paths } from './schema';
import type { components } from './schema';

export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];
export type ProblemDocument = Schema<'Problem'>;

export const PATIENCE_MS = 8000;
const AT_ONCE = 8;

/** The server that a package talks to; empty in the browser, where it is the page's own. */
export const ORIGIN = __API_ORIGIN__;

/** Why something did not happen. `code` is the contract's, or `offline`, `timeout`, `unreadable`, `signed_out` of our own. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly document?: Partial<ProblemDocument>,
    readonly retryAfter?: number,
  ) {
    super(detail);
  }

  /** Whether the server may or may not have acted: only these are worth repeating with the same key. */
  get undecided(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500 || this.code === 'idempotency_in_flight';
  }

  /** What is wrong with a field, by its JSON pointer; also of anything below it. */
  at(pointer: string): string {
    const found = this.document?.errors?.find((fault) => fault.pointer === pointer || fault.pointer.startsWith(`${pointer}/`));
    return found?.detail ?? '';
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, 'unreadable', error instanceof Error ? error.message : String(error));
}

type Method = 'get' | 'post' | 'put' | 'delete';
type Answer<Op> = Op extends { responses: infer R }
  ? { [S in keyof R]: S extends 200 | 201 | 202 ? (R[S] extends { content: { 'application/json': infer Body } } ? Body : never) : never }[keyof R]
  : never;
type BodyOf<Op> = Op extends { requestBody?: { content: { 'application/json': infer Body } } } ? Body : never;
type QueryOf<Op> = Op extends { parameters: { query?: infer Query } } ? Query : never;
type Having<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never }[keyof paths];
type Op<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;

interface More {
  /** Values of the `{…}` in the path, in order. */
  ids?: string[];
  /** `Idempotency-Key`. */
  key?: string;
  /** The version that was seen, for `If-Match`. */
  version?: number;
}

// --- the queue -----------------------------------------------------------------------------------------------------

let under_way = 0;
const waiting: (() => void)[] = [];

async function turn<T>(work: () => Promise<T>): Promise<T> {
  if (under_way >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  else under_way += 1;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else under_way -= 1;
  }
}

// --- one exchange ---------------------------------------------------------------------------------------------------

interface Raw {
  status: number;
  body: unknown;
  header: Record<string, string>;
}

function header(of: Record<string, string> | undefined, name: string): string | undefined {
  const found = Object.keys(of ?? {}).find((key) => key.toLowerCase() === name);
  return found === undefined ? undefined : of?.[found];
}

export function transport(errMsg: string): Problem {
  const late = /timeout|timed out/i.test(errMsg);
  return late
    ? new Problem(0, 'timeout', language.is('zh') ? '网络太慢，服务器没有及时回应' : 'The network is slow; the server did not answer in time')
    : new Problem(0, 'offline', language.is('zh') ? '网络不可用，请检查连接后重试' : 'No network; check the connection and try again');
}

export function refusal(status: number, body: unknown, headers?: Record<string, string>): Problem {
  let document = body as Partial<ProblemDocument> | undefined;
  if (typeof body === 'string') {
    try {
      document = JSON.parse(body);
    } catch {
      document = undefined;
    }
  }
  const after = Number(header(headers, 'retry-after'));
  const detail = document?.detail ?? (language.is('zh') ? `服务器暂时无法处理（${status}）` : `The server cannot handle this now (${status})`);
  return new Problem(status, document?.code ?? 'unreadable', detail, document, Number.isFinite(after) ? after : undefined);
}

function exchange(method: Method, path: string, body: unknown, extra: Record<string, string>): Promise<Raw> {
  return turn(
    () =>
      new Promise<Raw>((done, failed) => {
        // Some WebViews let a dead connection hang beyond `timeout`; ours is the one that counts.
        const alarm = setTimeout(() => {
          task?.abort?.();
          failed(transport('timeout'));
        }, PATIENCE_MS + 500);
        const task = uni.request({
          url: ORIGIN + path,
          method: method.toUpperCase() as 'GET',
          data: body === undefined ? undefined : (JSON.stringify(body) as unknown as AnyObject),
          header: { Accept: 'application/json', 'Accept-Language': language.tag(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...extra },
          timeout: PATIENCE_MS,
          success: (answer) => {
            clearTimeout(alarm);
            done({ status: answer.statusCode, body: answer.data, header: answer.header as Record<string, string> });
          },
          fail: (fault) => {
            clearTimeout(alarm);
            failed(transport(fault.errMsg ?? ''));
          },
        }) as unknown as UniApp.RequestTask | undefined;
      }),
  );
}

// --- who asks -------------------------------------------------------------------------------------------------------

let renewal: Promise<boolean> | undefined;

/** Renews the session once, for everybody who waits; false when it has ended. */
export function renew(spent: string | undefined): Promise<boolean> {
  const now = session.value;
  // Somebody was faster: the token that failed is no longer the one we have.
  if (now && now.access_token !== spent) return Promise.resolve(true);
  if (!now) return Promise.resolve(false);
  renewal ??= (async () => {
    try {
      const raw = await exchange('post', '/api/v1/auth/refresh', { refresh_token: now.refresh_token }, {});
      if (raw.status === 200) {
        session.set(raw.body as Session);
        return true;
      }
      // A server in trouble says nothing about our session; only a clear no ends it.
      if (raw.status >= 500 || raw.status === 429) throw refusal(raw.status, raw.body, raw.header);
      session.end();
      return false;
    } finally {
      renewal = undefined;
    }
  })();
  return renewal;
}

/** The headers that say who asks, for uploads and downloads, which do not go through `call`. */
export function identity(): Record<string, string> {
  return session.value ? { Authorization: `Bearer ${session.value.access_token}`, 'Accept-Language': language.tag() } : { 'Accept-Language': language.tag() };
}

async function call(method: Method, template: string, body: unknown, more: More & { query?: object }): Promise<unknown> {
  let next = 0;
  let path = template.replace(/\{[^}]+\}/g, () => encodeURIComponent(more.ids?.[next++] ?? ''));
  const pairs = Object.entries(more.query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== '');
  if (pairs.length > 0) path += `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
  const extra: Record<string, string> = {};
  if (more.key) extra['Idempotency-Key'] = more.key;
  if (more.version !== undefined) extra['If-Match'] = `"${more.version}"`;

  let renewed = false;
  let again = method === 'get' ? 1 : 0;
  for (;;) {
    const token = session.value?.access_token;
    let raw: Raw;
    try {
      raw = await exchange(method, path, body, { ...extra, ...(token ? { Authorization: `Bearer ${token}` } : {}) });
    } catch (fault) {
      // Reading twice is harmless. Writing again is the outbox's business, with a key.
      if (again-- > 0) continue;
      throw fault;
    }
    if (raw.status >= 200 && raw.status < 300) return raw.body;
    if (raw.status === 401 && token && !renewed && !template.includes('/auth/')) {
      renewed = true;
      if (await renew(token)) continue;
      throw new Problem(401, 'signed_out', language.is('zh') ? '登录已失效，请重新登录' : 'Please log in again');
    }
    throw refusal(raw.status, raw.body, raw.header);
  }
}

export function get<P extends Having<'get'>>(path: P, query?: QueryOf<Op<P, 'get'>>, ...ids: string[]): Promise<Answer<Op<P, 'get'>>> {
  return call('get', path, undefined, { query: query as object, ids }) as Promise<Answer<Op<P, 'get'>>>;
}

export function post<P extends Having<'post'>>(path: P, body: BodyOf<Op<P, 'post'>>, more: More = {}): Promise<Answer<Op<P, 'post'>>> {
  return call('post', path, body, more) as Promise<Answer<Op<P, 'post'>>>;
}

export function put<P extends Having<'put'>>(path: P, body: BodyOf<Op<P, 'put'>>, more: More = {}): Promise<Answer<Op<P, 'put'>>> {
  return call('put', path, body, more) as Promise<Answer<Op<P, 'put'>>>;
}

export function remove<P extends Having<'delete'>>(path: P, more: More = {}): Promise<Answer<Op<P, 'delete'>>> {
  return call('delete', path, undefined, more) as Promise<Answer<Op<P, 'delete'>>>;
}
