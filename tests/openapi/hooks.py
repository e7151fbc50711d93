"""What the generated requests need to know of this server: how staff log in, and what it takes for nothing in a query."""

import os
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
import schemathesis

BASE = os.environ["JIAZAI"]
# Mini-program wrappers send these for what they do not have; the document's own description says that they count as absent.
NOTHING = ("", "null", "undefined")


@schemathesis.auth(refresh_interval=30)
class Staff:
    """A platform administrator, who logs in again now and then: some of the requests end sessions."""

    def get(self, case, context):
        answer = requests.post(f"{BASE}/api/v1/auth/staff/login", json={"username": "admin", "password": "jiazai-demo"}, timeout=10)
        return answer.json()["access_token"]

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """What is a failure for the tool, and none for whoever reads the document. All others stay."""
    kind = type(failure).__name__
    if kind == "RejectedPositiveData":
        return not has_a_header_beside_its_pattern(case, response.request.headers)
    if kind == "AcceptedNegativeData":
        return not (is_nothing_in_a_query(case, response) or is_no_body_at_all(response))
    return True


def has_a_header_beside_its_pattern(case, sent):
    """One phase of the tool writes headers of letters and digits alone, so that an entity tag, which has quotes, comes out as
    `If-Match: 0` and is called valid. Whether it is, the document's own pattern says."""
    declared = case.operation.headers.schema.get("properties", {})
    patterns = {name: schema["pattern"] for name, schema in declared.items() if "pattern" in schema}
    return any(name in sent and not re.search(pattern, sent[name]) for name, pattern in patterns.items())


def is_no_body_at_all(response):
    """Phones send nothing where there is nothing to say, and the document's own description says that this counts as `{}`. That is
    right if the same request with `{}` is answered alike, or as one that comes a second time: what the first has done is not done
    again, nor by its old entity tag. Not under the same key: with another body that is refused."""
    sent = response.request
    if sent.method not in ("POST", "PUT") or sent.body:
        return False
    headers = {name: value for name, value in sent.headers.items() if name.lower() not in ("content-length", "idempotency-key")}
    again = requests.request(sent.method, sent.url, json={}, headers=headers, timeout=10)
    return again.status_code in (response.status_code, 409, 412, 429)


def is_nothing_in_a_query(case, response):
    """`limit=null` is no number, and is accepted all the same. That is right if, and only if, nothing else was wrong with the request
    and the same request without it is answered alike; so it is sent again without it."""
    if case.meta is None or response.request.method != "GET":
        return False
    if any(where.name != "QUERY" and info.mode.is_negative for where, info in case.meta.components.items()):
        return False
    data, url = case.meta.phase.data, urlsplit(response.request.url)
    sent = parse_qsl(url.query, keep_blank_values=True)
    absent = {name for name, value in sent if value in NOTHING}
    wrong = {getattr(data, "parameter", None), *(mutation.parameter for mutation in getattr(data, "mutations", ()))} - {None}
    if not wrong or not wrong <= absent:
        return False
    rest = urlunsplit(url._replace(query=urlencode([(name, value) for name, value in sent if value not in NOTHING])))
    again = requests.get(rest, headers={"Authorization": response.request.headers["Authorization"]}, timeout=10)
    return again.status_code == response.status_code
