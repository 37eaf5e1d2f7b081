#!/usr/bin/env python3
"""Calls a flow with Python's standard library.

  penstock.py check [name=value ...] <body     prints the check value
  penstock.py run FLOW [name=value ...] <body  runs the flow at the SmartSYNC door: GET when the body is empty, else POST
  penstock.py native FLOW <body                runs the flow at the native door, signed with HMAC

From the environment: PENSTOCK_API_KEY, PENSTOCK_API_SECRET, for run and native also PENSTOCK_URL.
"""
import hashlib
import hmac
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

KEY = os.environ.get("PENSTOCK_API_KEY", "")
SECRET = os.environ.get("PENSTOCK_API_SECRET", "")
JSON = {"Content-Type": "application/json"}


def canonical(body: bytes) -> bytes:
    """What is signed of a body: no line breaks, no white space around it."""
    return body.strip(b" \t\n\r\x00\x0b").translate(None, b"\r\n")


def check(params: dict[str, str], body: bytes) -> str:
    """The check value of parameters and a canonical body (b"": none)."""
    values = [params[name].encode() for name in sorted(params) if name != "check"]
    if body:
        values.append(body)
    return hashlib.md5(b"|".join([*values, SECRET.encode()])).hexdigest()


def send(path: str, body: bytes | None, headers: dict[str, str]) -> int:
    """Prints the answer; 0 when it is a success."""
    request = urllib.request.Request(os.environ["PENSTOCK_URL"] + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=75) as answer:
            sys.stdout.buffer.write(answer.read())
            return 0
    except urllib.error.HTTPError as answer:
        sys.stdout.buffer.write(answer.read())
        return 1


def run(flow: str, params: dict[str, str], body: bytes) -> int:
    signed = {"flow": flow, "key": KEY, "ts": str(int(time.time())), **params}
    query = urllib.parse.urlencode({**signed, "check": check(signed, body)})
    return send(f"/apis/execute.php?{query}", body or None, JSON if body else {})


def native(flow: str, body: bytes) -> int:
    ts = str(int(time.time()))
    v1 = hmac.new(SECRET.encode(), ts.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {**JSON, "Penstock-Key": KEY, "Penstock-Signature": f"t={ts},v1={v1}"}
    return send(f"/v1/flows/{urllib.parse.quote(flow, safe='')}/runs", body, headers)


def main(args: list[str]) -> int:
    if not args or args[0] not in ("check", "run", "native"):
        print(__doc__, file=sys.stderr)
        return 2
    body = sys.stdin.buffer.read()
    if args[0] == "native":
        return native(args[1], body)
    rest = args[1:] if args[0] == "check" else args[2:]
    params = dict(pair.split("=", 1) for pair in rest)
    if args[0] == "check":
        print(check({"key": KEY, **params}, canonical(body)))
        return 0
    return run(args[1], params, canonical(body))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
