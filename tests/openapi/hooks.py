"""What the generated requests need to know of this server: how staff log in, and two things that it does on purpose."""

import os

import requests
import schemathesis

BASE = os.environ["JIAZAI"]


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
def filter_query(context, query):
    """Mini-program wrappers send `null` and `undefined` for what they do not have; the server takes these for nothing."""
    return not query or all(value not in (None, "null", "undefined", "") for value in query.values())
