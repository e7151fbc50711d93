"""A nightly report by an API key, written against nothing but the generated client: communities, categories and tickets are
read page by page, one is read again by its ETag, and what a key may not do is refused with a code."""

import os
import sys
from http import HTTPStatus

from jiazai_client import AuthenticatedClient, Client
from jiazai_client.api.api_keys import create_api_key
from jiazai_client.api.identity import log_in_staff
from jiazai_client.api.registry import list_communities
from jiazai_client.api.repair import get_repair_ticket, list_repair_categories, list_repair_tickets, report_repair
from jiazai_client.models import NewApiKey, NewApiKeyScopesItem, NewTicket, StaffLogin

base = os.environ["JIAZAI"]
session = log_in_staff.sync(client=Client(base), body=StaffLogin(username="manager", password="jiazai-demo"))
manager = AuthenticatedClient(base, session.access_token)
community = list_communities.sync(client=Client(base)).items[0]

draft = NewTicket(community_id=community.id, category="plumbing", title="路灯不亮", description="入口处", place="大门")
ticket = report_repair.sync(client=manager, body=draft)

made = create_api_key.sync(client=manager, body=NewApiKey(name="夜间报表", community_id=community.id, scopes=[NewApiKeyScopesItem("repair:read")]))
program = AuthenticatedClient(base, made.key)
assert any(category.code == "plumbing" for category in list_repair_categories.sync(client=program, community_id=community.id).items)

seen, cursor = [], None
while True:
    page = list_repair_tickets.sync(client=program, limit=2, **({"cursor": cursor} if cursor else {}))
    seen += [item.id for item in page.items]
    cursor = page.next_cursor
    if not cursor:
        break
assert seen.count(ticket.id) == 1 and len(seen) == len(set(seen)), "each ticket is on one page"

first = get_repair_ticket.sync_detailed(ticket.id, client=program)
assert first.status_code == HTTPStatus.OK and first.headers["etag"]
refused = report_repair.sync_detailed(client=program, body=draft)
assert refused.status_code == HTTPStatus.FORBIDDEN, refused
assert refused.parsed.code == "forbidden", refused.parsed
print("the Python client went through", file=sys.stdout)
