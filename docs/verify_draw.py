#!/usr/bin/env python3
"""Checks a school draw without our software: python3 verify_draw.py FILE   (JSON as served; exit code 0 valid, 1 not)."""
import hashlib, hmac, json, re, sys

def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()

def ring(roster, start, interval):  # start is drawn first; then count the interval on, over those not drawn yet
    left, order, at = list(roster), [], start - 1
    while left:
        order.append(left.pop(at))
        at = (at + interval - 1) % len(left) if left else 0
    return order

def sealed(roster, seed, numbers):  # ascending HMAC-SHA-256(seed, numbers + line feed + receipt), then receipt
    key = lambda receipt: (hmac.new(seed.encode(), f"{numbers}\n{receipt}".encode(), "sha256").hexdigest(), receipt)
    return sorted(roster, key=key)

def check(draw):
    roster, method, expected = draw["roster"], draw.get("method") or draw.get("kind"), None
    if not roster or any(a >= b for a, b in zip(roster, roster[1:])):
        yield "the roster is empty, not in ascending order, or names a receipt twice"
    if any(not r.isascii() or not r.isprintable() or " " in r for r in roster):
        yield "a receipt is not one word"
    if sha256("".join(r + "\n" for r in roster)) != draw["roster_hash"].lower():
        yield "the roster is not the one whose hash was published"
    if method == "sealed_seed" and draw.get("seed"):
        if sha256(draw["seed"]) != (draw.get("commitment") or "").lower():
            yield "the seed is not the one whose hash was published"
        if draw.get("public_digits") and not re.fullmatch("[0-9]{%d}" % draw["public_digits"], draw.get("public_numbers") or ""):
            yield "the public numbers are not of the source that was published"
        expected = sealed(roster, draw["seed"], draw.get("public_numbers") or "")
    elif method == "ring" and draw.get("start") and draw.get("interval"):
        expected = ring(roster, draw["start"], draw["interval"]) if 1 <= draw["start"] <= len(roster) and draw["interval"] >= 1 else None
    if expected != draw["order"]:
        yield "the order does not follow from what was revealed"

reasons = list(check(json.load(open(sys.argv[1], encoding="utf-8"))))
print("invalid: " + "; ".join(reasons) if reasons else "valid")
sys.exit(1 if reasons else 0)
