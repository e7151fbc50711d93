// The yardstick: the same four operations, on the same tables, written in another stack as well as it lets us.
//
// Fastify with compiled schemas for what comes in and what goes out, tokens verified at each request, named prepared
// statements, one transaction for a report and its event. It leaves out what makes the real server more than this: faults all
// at once, repeats by key, audit, conditional answers, limits, metrics, traces. What it does, it does for good: reports are
// durable (fsync) before they are answered.
//
//   PEER_DATABASE=sqlite:/path | postgres://…   PEER_LISTEN=port   PEER_WORKERS=n

import cluster from 'node:cluster'
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { createSigner, createVerifier } from 'fast-jwt'

const { PEER_DATABASE: database, PEER_LISTEN: port, PEER_WORKERS: workers = '1' } = process.env

const TICKET = 'id, community_id, category, state, reporter_id, worker_id, home_id, title, detail, due_at, version, created_at, updated_at'
const EVENT = 'id, community_id, type, subject_id, subject_version, actor_id, data, note, notices, occurred_at, position'

function statements() {
  const columns = TICKET.split(', ').map((name) => `t.${name}`).join(', ')
  const joined = `SELECT ${columns}, c.name AS category_name, c.chargeable, c.dispatch
    FROM repair_tickets t JOIN repair_categories c ON c.community_id = t.community_id AND c.code = t.category`
  return {
    one: `${joined} WHERE t.id = $1`,
    held: `SELECT part FROM content_checks WHERE subject_id = $1 AND state <> 'passed' AND state <> 'approved'`,
    page: `${joined} WHERE t.community_id = $1 ORDER BY t.id DESC LIMIT 21`,
    category: `SELECT code, name, dispatch, accept_within_s, arrive_within_s, resolve_within_s, chargeable
      FROM repair_categories WHERE community_id = $1 AND code = $2 AND active`,
    report: `INSERT INTO repair_tickets (${TICKET}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)`,
    event: `INSERT INTO events (${EVENT}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`,
  }
}

// A store runs statements by name; `all` gives rows, and `together` makes several of them one durable transaction.
async function open(url) {
  const sql = statements()
  if (url.startsWith('sqlite:')) {
    const { default: Database } = await import('better-sqlite3')
    const db = new Database(url.slice('sqlite:'.length))
    for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'temp_store = MEMORY', 'busy_timeout = 5000'])
      db.pragma(pragma)
    const ready = Object.fromEntries(
      Object.entries(sql).map(([name, text]) => [name, db.prepare(text.replace(/\$\d+/g, '?'))]),
    )
    const all = (name, values) => ready[name].all(...values)
    const run = (name, values) => ready[name].run(...values)
    const together = db.transaction((work) => work(all, run)).immediate
    return { all, together }
  }
  const { default: pg } = await import('pg')
  pg.types.setTypeParser(20, Number)
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  const on = (client) => async (name, values) => (await client.query({ name, text: sql[name], values })).rows
  const together = async (work) => {
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      const run = on(client)
      const result = await work(run, run)
      await client.query('COMMIT')
      return result
    } catch (error) {
      await client.query('ROLLBACK')
      throw error
    } finally {
      client.release()
    }
  }
  return { all: on(pool), together }
}

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz'

/** A TypeID: a UUIDv7 in 26 letters behind its kind. */
function newId(kind) {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(Date.now(), 0, 6)
  bytes[6] = 0x70 | (bytes[6] & 0x0f)
  bytes[8] = 0x80 | (bytes[8] & 0x3f)
  let text = ''
  let [bits, value] = [2, 0]
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32[(value >> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return `${kind}_${text}`
}

const iso = (ms) => (ms == null ? null : new Date(ms).toISOString())
const ACTIONS = { submitted: ['cancel', 'urge'], assigned: ['cancel', 'urge'], accepted: ['urge'], resolved: ['confirm', 'reopen'], closed: ['rate'] }

function shown(row, who, held) {
  const detail = JSON.parse(row.detail)
  const now = Date.now()
  const promise = ([due, kept]) => ({ due_at: iso(due), met: kept != null ? kept <= due : due < now ? false : null })
  const full = row.reporter_id === who.sub || who.communities.includes(row.community_id)
  if (!full) return undefined
  const hidden = held.length > 0 && row.reporter_id !== who.sub
  return {
    id: row.id,
    version: row.version,
    community_id: row.community_id,
    state: row.state,
    allowed_actions: row.reporter_id === who.sub ? (ACTIONS[row.state] ?? []) : ['assign'],
    category: row.category,
    category_name: row.category_name,
    chargeable: Boolean(row.chargeable),
    title: hidden ? null : row.title,
    description: hidden ? null : detail.description,
    home_id: row.home_id,
    place: hidden ? null : (detail.place ?? null),
    affected_homes: detail.affected_homes ?? [],
    photos: detail.photos ?? [],
    reporter_id: row.reporter_id,
    worker_id: row.worker_id,
    held_back: held.map((check) => check.part),
    sla: { accept: promise(detail.accept), arrive: promise(detail.arrive), resolve: promise(detail.resolve) },
    overdue: row.due_at != null && row.due_at < now,
    created_at: iso(row.created_at),
    paused_at: null,
    ended_at: iso(detail.ended_at),
  }
}

const text = { type: 'string' }
const perhaps = { type: ['string', 'null'] }
const some = { type: 'array', items: text }
const promised = { type: 'object', properties: { due_at: perhaps, met: { type: ['boolean', 'null'] } } }
const ticket = {
  type: 'object',
  properties: {
    id: text, version: { type: 'integer' }, community_id: text, state: text, allowed_actions: some, category: text, category_name: text,
    chargeable: { type: 'boolean' }, title: perhaps, description: perhaps, home_id: perhaps, place: perhaps, affected_homes: some,
    photos: some, reporter_id: text, worker_id: perhaps, held_back: some,
    sla: { type: 'object', properties: { accept: promised, arrive: promised, resolve: promised } },
    overdue: { type: 'boolean' }, created_at: text, paused_at: perhaps, ended_at: perhaps,
  },
}
const page = { type: 'object', properties: { items: { type: 'array', items: ticket }, next_cursor: perhaps } }
const draft = {
  type: 'object',
  additionalProperties: false,
  required: ['community_id', 'category', 'title', 'description'],
  properties: {
    community_id: text, category: text, title: { type: 'string', minLength: 1, maxLength: 60 },
    description: { type: 'string', minLength: 1, maxLength: 2000 }, place: { type: 'string', maxLength: 100 },
  },
}

async function serve(key) {
  const store = await open(database)
  const sign = createSigner({ key, algorithm: 'HS256', expiresIn: 3600_000 })
  const verify = createVerifier({ key, algorithms: ['HS256'] })
  const app = Fastify({ logger: false })
  app.get('/livez', () => ({ status: 'ok' }))
  app.post('/login', (request) => ({ token: sign({ sub: request.body.sub, communities: request.body.communities }) }))
  app.register(async (api) => {
    api.decorateRequest('who', null)
    api.addHook('onRequest', async (request, reply) => {
      try {
        request.who = verify((request.headers.authorization ?? '').slice('Bearer '.length))
      } catch {
        return reply.code(401).send({ code: 'unauthenticated' })
      }
    })
    api.get('/repair-tickets/:id', { schema: { response: { 200: ticket } } }, async (request, reply) => {
      const [row] = await store.all('one', [request.params.id])
      const seen = row && shown(row, request.who, await store.all('held', [row.id]))
      if (!seen) return reply.code(404).send({ code: 'not_found' })
      reply.header('etag', `"${row.version}"`)
      return seen
    })
    api.get('/repair-tickets', { schema: { response: { 200: page } } }, async (request, reply) => {
      const place = request.query.community_id
      if (!request.who.communities.includes(place)) return reply.code(403).send({ code: 'forbidden' })
      const rows = await store.all('page', [place])
      const items = rows.slice(0, 20).map((row) => shown(row, request.who, []))
      return { items, next_cursor: rows.length > 20 ? Buffer.from(rows[19].id).toString('base64url') : null }
    })
    api.post('/repair-tickets', { schema: { body: draft, response: { 201: ticket } } }, async (request, reply) => {
      const body = request.body
      const [now, id, who] = [Date.now(), newId('tkt'), request.who]
      const made = (category) => {
        const detail = {
          description: body.description, place: body.place, accept: [now + category.accept_within_s * 1000, null],
          arrive: [now + category.arrive_within_s * 1000, null], resolve: [now + category.resolve_within_s * 1000, null],
        }
        const due = detail.accept[0]
        return {
          id, community_id: body.community_id, category: body.category, state: 'submitted', reporter_id: who.sub, worker_id: null, home_id: null,
          title: body.title, detail: JSON.stringify(detail), due_at: due, version: 1, created_at: now, updated_at: now,
          category_name: category.name, chargeable: category.chargeable,
        }
      }
      const columns = TICKET.split(', ')
      const write = (row) => [
        ['report', columns.map((name) => row[name])],
        ['event', [newId('evt'), row.community_id, 'repair_ticket.submitted', id, 1, who.sub, '{"state":"submitted"}', null, null, now, null]],
      ]
      const row = database.startsWith('sqlite:')
        ? store.together((all, run) => {
            const [category] = all('category', [body.community_id, body.category])
            if (!category) return null
            const row = made(category)
            for (const [name, values] of write(row)) run(name, values)
            return row
          })
        : await store.together(async (all, run) => {
            const [category] = await all('category', [body.community_id, body.category])
            if (!category) return null
            const row = made(category)
            for (const [name, values] of write(row)) await run(name, values)
            return row
          })
      if (!row) return reply.code(422).send({ code: 'unknown_category' })
      reply.code(201).header('location', `/api/v1/repair-tickets/${id}`).header('etag', '"1"')
      return shown(row, who, [])
    })
  }, { prefix: '/api/v1' })
  await app.listen({ host: '127.0.0.1', port: Number(port) })
  process.on('SIGTERM', () => app.close().then(() => process.exit(0)))
}

if (cluster.isPrimary && workers !== '1') {
  // Tokens of one worker are good for the other.
  const key = randomBytes(32).toString('hex')
  for (let i = 0; i < Number(workers); i++) cluster.fork({ PEER_KEY: key })
  process.on('SIGTERM', () => process.exit(0))
} else {
  await serve(process.env.PEER_KEY ?? randomBytes(32).toString('hex'))
}
