#!/usr/bin/env python3
"""A property firm's side of repair tickets 物业公司对接示例: takes new tickets on by itself and says when they are done.

    property_firm.py serve               register a webhook, listen, and catch up with the feed now and then
    property_firm.py reconcile           catch up with the feed once, and end
    property_firm.py resolve TICKET NOTE  say that the work on a ticket is done

Written from openapi.yaml and docs/integration.md with Python's standard library (3.9 or newer), to be taken apart and made your own.
Four thoughts carry it; keep those:

  - A webhook's work is done after its answer. What arrives is verified, put into the inbox, and answered at once.
  - The inbox knows each event by its id, so an event that comes twice (a retry, a replay, the feed) is one event.
  - The feed's cursor is saved together with the events that it brought, so nothing is lost between the two.
  - Each POST carries an Idempotency-Key made from the event, so doing the work again after a crash does nothing twice.

The API key sees and gives out the community's work; the firm's own account (a repair worker) accepts and resolves it, because
that is what people do. Its user name and password come from the firm's administrator.

    JIAZAI            the server, https://jiazai.example
    FIRM_KEY          API key with repair:read, repair:write, events:read, webhooks:read, webhooks:write
    FIRM_USER, FIRM_PASSWORD   the firm's account, a repair worker of the community
    FIRM_CATEGORIES   categories that the firm looks after, between commas; all of them when unset
    FIRM_URL          where this program is reached from outside; http://127.0.0.1:PORT/hook when unset
    FIRM_PORT         where it listens (9090)
    FIRM_STATE        its memory, an SQLite file (property_firm.sqlite)
    FIRM_EVERY_S      seconds between two looks at the feed (300)
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

API = os.environ.get("JIAZAI", "http://127.0.0.1:8080").rstrip("/") + "/api/v1"
PORT = int(os.environ.get("FIRM_PORT", "9090"))
URL = os.environ.get("FIRM_URL", f"http://127.0.0.1:{PORT}/hook")
CATEGORIES = [code for code in os.environ.get("FIRM_CATEGORIES", "").split(",") if code]
# What may make a ticket wait for somebody.
EVENTS = ["repair_ticket.submitted", "repair_ticket.declined", "repair_ticket.reopened"]
# Deliveries that are older or newer than this are somebody's recording.
TOLERANCE_S = 300


class Problem(Exception):
    """A refusal: its status, and the stable word that a program acts on."""

    def __init__(self, status, document):
        super().__init__(f"{status} {document.get('code')}: {document.get('detail')} (request {document.get('request_id')})")
        self.status, self.code = status, document.get("code")


def call(method, path, token, body=None, headers=None):
    """One request. What is only away or busy (429, 503) is asked again after as long as the server says."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {token}", "Accept-Language": "en", **(headers or {})}
    if data is not None:
        sent["Content-Type"] = "application/json"
    for left in (3, 2, 1, 0):
        try:
            with urllib.request.urlopen(urllib.request.Request(API + path, data, sent, method=method), timeout=30) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as refusal:
            text = refusal.read()
            if refusal.code in (429, 503) and left:
                time.sleep(min(int(refusal.headers.get("Retry-After", "1")), 60))
                continue
            try:
                document = json.loads(text)
            except ValueError:
                document = {"detail": text[:200].decode(errors="replace")}
            raise Problem(refusal.code, document) from None


class Memory:
    """What must survive a crash: the inbox, the feed's cursor, the webhook's secret."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.base = sqlite3.connect(path, check_same_thread=False)
        with self.base as base:
            base.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, event TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0)")
            base.execute("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, value TEXT NOT NULL)")

    def get(self, name):
        with self.lock:
            row = self.base.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
        return row and row[0]

    def take(self, events, **kept):
        """Events and whatever is to be remembered with them, in one transaction. Gives the number of events that are new."""
        with self.lock, self.base as base:
            before = base.total_changes
            base.executemany("INSERT OR IGNORE INTO inbox (id, event) VALUES (?, ?)", [(e["id"], json.dumps(e)) for e in events])
            new = base.total_changes - before
            base.executemany("INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", list(kept.items()))
            return new

    def waiting(self):
        with self.lock:
            rows = self.base.execute("SELECT event FROM inbox WHERE done = 0 ORDER BY id").fetchall()
        return [json.loads(event) for (event,) in rows]

    def done(self, event):
        with self.lock, self.base as base:
            base.execute("UPDATE inbox SET done = 1 WHERE id = ?", (event["id"],))


class Worker:
    """The firm's account. Logs in when it has to, and refreshes once when its token is over."""

    def __init__(self):
        self.session = self.known_id = None

    def call(self, method, path, body=None, headers=None):
        if self.session is None:
            self.log_in()
        try:
            return call(method, path, self.session["access_token"], body, headers)
        except Problem as problem:
            if problem.status != 401:
                raise
            self.renew(problem.code)
            return call(method, path, self.session["access_token"], body, headers)

    def log_in(self):
        body = {"username": os.environ["FIRM_USER"], "password": os.environ["FIRM_PASSWORD"]}
        self.session = call("POST", "/auth/staff/login", "", body)

    def renew(self, code):
        try:
            if code == "token_expired":
                self.session = call("POST", "/auth/refresh", "", {"refresh_token": self.session["refresh_token"]})
                return
        except Problem as problem:
            if problem.status != 401:
                raise
        self.log_in()

    def id(self):
        self.known_id = self.known_id or self.call("GET", "/me")["id"]
        return self.known_id


class Firm:
    def __init__(self):
        self.key = os.environ["FIRM_KEY"]
        self.memory = Memory(os.environ.get("FIRM_STATE", "property_firm.sqlite"))
        self.worker = Worker()
        self.wake = threading.Event()

    # -- what has happened ------------------------------------------------------------------------------------------

    def register(self):
        """Once; the answer is the only place where the secret is shown, so it is kept before anything else is done. The key for
        the repeat makes a lost answer harmless: the same request shows the same secret again."""
        if self.memory.get("secret"):
            return
        name = hashlib.sha256(f"{URL} {self.key}".encode()).hexdigest()
        made = call("POST", "/webhooks", self.key, {"url": URL, "events": EVENTS}, {"Idempotency-Key": f"register-{name}"})
        self.memory.take([], secret=made["secret"], webhook=made["id"])

    def reconcile(self):
        """Everything since the last time, page by page; the first time, since yesterday. A cursor belongs to its filters, so
        `since` is kept and sent again with it."""
        cursor, found = self.memory.get("cursor"), 0
        since = self.memory.get("since") or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 86_400))
        while True:
            query = {"types": ",".join(EVENTS), "since": since, "limit": 100, **({"cursor": cursor} if cursor else {})}
            page = call("GET", "/events?" + urlencode(query), self.key)
            # Never null: the last one leads on to what has not happened yet.
            cursor = page["next_cursor"]
            found += self.memory.take(page["items"], cursor=cursor, since=since)
            if len(page["items"]) < 100:
                return found

    def verified(self, headers, body):
        """Standard Webhooks 1.0.0: one of the signatures is ours, and the delivery is of now."""
        moment, identifier, known = headers.get("webhook-timestamp", ""), headers.get("webhook-id", ""), self.memory.get("secret")
        if not known or not moment.isdigit() or abs(time.time() - int(moment)) > TOLERANCE_S:
            return False
        secret = base64.b64decode(known.removeprefix("whsec_"))
        signed = hmac.new(secret, f"{identifier}.{moment}.".encode() + body, hashlib.sha256).digest()
        wanted = "v1," + base64.b64encode(signed).decode()
        return any(hmac.compare_digest(wanted, given) for given in headers.get("webhook-signature", "").split(" "))

    # -- what is to be done -----------------------------------------------------------------------------------------

    def work(self):
        """Deals with the inbox, the oldest first. What fails stays in it, for the next time."""
        for event in self.memory.waiting():
            if event["type"] in EVENTS:
                self.take_on(event)
            self.memory.done(event)

    def take_on(self, event):
        ticket = call("GET", f"/repair-tickets/{event['subject']['id']}", self.key)
        if CATEGORIES and ticket["category"] not in CATEGORIES:
            return
        try:
            if ticket["state"] == "submitted":
                ticket = self.post(event, ticket, "assign", call_as_key=True, worker_id=self.worker.id())
            if ticket["state"] == "assigned" and ticket["worker_id"] == self.worker.id():
                ticket = self.post(event, ticket, "accept")
                print(f"accepted {ticket['id']} {ticket['title']}", flush=True)
        except Problem as problem:
            # Somebody was quicker, or it is over: the ticket is theirs.
            if problem.status not in (403, 404, 409):
                raise
            print(f"left alone {ticket['id']}: {problem}", flush=True)

    def post(self, event, ticket, action, call_as_key=False, **body):
        path, headers = f"/repair-tickets/{ticket['id']}/{action}", {"Idempotency-Key": f"{event['id']}-{action}"}
        return call("POST", path, self.key, body, headers) if call_as_key else self.worker.call("POST", path, body, headers)

    def resolve(self, ticket, note):
        """What the firm's people do on site, said in one go. `allowed_actions` knows what comes next."""
        while True:
            now = self.worker.call("GET", f"/repair-tickets/{ticket}")
            step = next((action for action in ("resolve", "arrive", "accept") if action in now["allowed_actions"]), None)
            if step is None:
                sys.exit(f"{ticket} is {now['state']}: nothing can be done")
            body = {"note": note, "photos": []} if step == "resolve" else {}
            done = self.worker.call("POST", f"/repair-tickets/{ticket}/{step}", body, {"If-Match": f'"{now["version"]}"'})
            if step == "resolve":
                return print(f"{done['state']} {ticket}")

    # -- listening --------------------------------------------------------------------------------------------------

    def serve(self):
        firm = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", "0"))
                body = self.rfile.read(length) if length <= 65_536 else b""
                if not firm.verified(self.headers, body):
                    return self.answer(401)
                firm.memory.take([json.loads(body)])
                self.answer(204)
                firm.wake.set()

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", PORT), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # Registered when somebody listens, or the first deliveries would fail.
        self.register()
        print(f"listening on {PORT}", flush=True)
        every, again = float(os.environ.get("FIRM_EVERY_S", "300")), 0.0
        while True:
            try:
                if time.monotonic() >= again:
                    again = time.monotonic() + every
                    self.reconcile()
                self.work()
                self.wake.wait(max(again - time.monotonic(), 0))
                self.wake.clear()
            except (Problem, OSError) as trouble:
                # The inbox and the cursor are kept: nothing is lost while the server is away.
                print(f"will try again: {trouble}", file=sys.stderr, flush=True)
                time.sleep(5)


def main(words):
    if words[:1] == ["serve"]:
        Firm().serve()
    elif words == ["reconcile"]:
        firm = Firm()
        print(f"{firm.reconcile()} new events", flush=True)
        firm.work()
    elif len(words) == 3 and words[0] == "resolve":
        Firm().resolve(words[1], words[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        sys.exit(str(problem))
