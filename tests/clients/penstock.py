#!/usr/bin/env python3
"""Calls a flow with Python's standard library.

  penstock.py check [name=value ...] <body     prints the check value
  penstock.py run FLOW [name=value ...] <body  runs the flow at the SmartSYNC door: GET when the body is empty, else POST
  penstock.py native FLOW <body                runs the flow at the native door, signed with HMAC

From the environment: PENSTOCK_API_KEY, PENSTOCK_API_SECRET, for run and native also PENSTOCK_URL.
"""
import base64
import hashlib
import hmac
import os
import secrets
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
    t, n, path = int(time.time()), secrets.token_hex(16), f"/v1/flows/{urllib.parse.quote(flow, safe='')}/runs"
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    base = (
        f'"@method": POST\n"@request-target": {path}\n"content-digest": sha-256=:{digest}:\n'
        f'"@signature-params": ("@method" "@request-target" "content-digest");created={t};nonce="{n}";keyid="{KEY}"'
    )
    v2 = hmac.new(SECRET.encode(), base.encode(), hashlib.sha256).hexdigest()
    return send(path, body, {**JSON, "Penstock-Key": KEY, "Penstock-Signature": f"t={t},n={n},v2={v2}"})


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
