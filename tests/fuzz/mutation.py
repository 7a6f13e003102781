"""Requests with something wrong in them: bytes, JSON, headers, paths, base64."""

from __future__ import annotations

import base64
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fuzz import json_mutation
from fuzz.corpus import LENGTH, MODELS, Request, pick

_TOKENS = [
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"NaN", b"Infinity", b"null", b"[", b"]",
    b"{", b"}", b'"', b"\\", b",", b":", b"1e999", b"\\ud800", b"\xef\xbb\xbf", b" " * 1000, b"[" * 2000,
]  # fmt: skip
_LENGTHS = ["0", "-1", "1", "+5", " 7", "7.0", "0x10", "1e2", "", "abc", "\u0663", "00000000000000000012",
            "99999999999", "2147483648", "18446744073709551616", "9" * 5000, "10,10"]  # fmt: skip
_ENCODINGS = ["gzip", "deflate", "identity", "br", "zstd", "", "GZIP", "gzip, gzip", "x-gzip",
              "gzip;q=0", "*", "deflate, gzip", "\u00fc"]  # fmt: skip
_TYPES = ["application/json", "application/octet-stream", "text/plain", "", "multipart/form-data",
          "application/json; charset=utf-16", "application/x-www-form-urlencoded"]  # fmt: skip
_LOCATIONS = ["payloads/none", "s3://other/payloads/x", "s3://", "../registry/m.json", "payloads/",
              "registry/m.json", "payloads/../registry/m.json", "", "s3://hearth-models/payloads/a",
              "payloads/" + "x" * 2000]  # fmt: skip
_WORDS = ["", "x", "\u00fc", "0", "-1", "NaN", "a,b", "x" * 9000, "%00", "{}", "'\"\\"]
_HEADERS = {
    LENGTH: _LENGTHS,
    "content-encoding": _ENCODINGS,
    "accept-encoding": _ENCODINGS,
    "content-type": _TYPES,
    "x-hearth-input-location": _LOCATIONS,
    "x-hearth-output-location": _LOCATIONS,
    "x-hearth-routing-key": _WORDS,
    "x-request-id": _WORDS,
    "x-hearth-slices": [*_WORDS, "a=b,c=d", "a=\u00fc", "=,=,=", "a=b," * 900],
    "accept": _TYPES,
}
_SEGMENTS = [
    "", ".", "..", "%2e%2e", "%2F", "%00", "%", "%zz", "%ff", "%c3%bc", "models", "versions", "labels",
    "infer", "predict", "ready", "config", "stats", "metadata", "1", "0", "-1", "01", "2", "1.0",
    "9223372036854775808", "9" * 400, "stable", "canary", "m:predict", ":predict", "m:", "m:classify",
    "x" * 300, "M", "V1", "{m}", "m?x=1", "m;a=b", "%F0%9F%98%80", *MODELS,
]  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A request and which kind of mutation it has had first."""

    kind: str
    request: Request


def mutant(seeds: tuple[Request, ...], rng: random.Random, *, over_socket: bool) -> Mutant:
    """Return a request made of one of the corpus; the same for the same state of `rng`."""
    request = pick(seeds, rng)
    kinds = [kind for kind in KINDS if kind != "base64" or not over_socket]
    kind = rng.choices(kinds, [_SHARES[kind] for kind in kinds])[0]
    made = KINDS[kind](request, seeds, rng)
    while kind != "valid" and rng.random() < 0.15:
        also = rng.choice(kinds[1:])
        made = KINDS[also](made, seeds, rng)
    return Mutant(kind, made)


def _valid(request: Request, seeds: tuple[Request, ...], rng: random.Random) -> Request:
    return request


def _bytes(request: Request, seeds: tuple[Request, ...], rng: random.Random) -> Request:
    body = bytearray(request.body)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at = rng.randrange(len(body) + 1)
        until = min(len(body), at + rng.choice((1, 2, 4, 50)))
        how = rng.randrange(6)
        if how == 0 and at < len(body):
            body[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            body[at:at] = rng.choice(_TOKENS)
        elif how == 2:
            del body[at:until]
        elif how == 3:
            body[at:at] = body[at:until]
        elif how == 4:
            del body[at:]
        else:
            body[at:until] = rng.randbytes(rng.choice((1, 4, 64)))
    if rng.random() < 0.05:
        body += pick(seeds, rng).body
    return replace(request, body=bytes(body))


def _json(request: Request, seeds: tuple[Request, ...], rng: random.Random) -> Request:
    """Change the body's JSON; what stands behind it stays, and mostly the header counts anew."""
    length = request.headers.get(LENGTH, str(len(request.body)))
    split = int(length) if length.isascii() and length.isdigit() and len(length) < 9 else 0
    try:
        text = json_mutation.mutate(request.body[:split].decode(), rng)
    except (ValueError, RecursionError):  # no JSON, or no longer
        return _bytes(request, seeds, rng)
    head = text.encode("utf-8", "surrogatepass")
    headers = dict(request.headers)
    if LENGTH in headers and rng.random() < 0.85:
        headers[LENGTH] = str(len(head))
    return replace(request, body=head + request.body[split:], headers=headers)


def _header(request: Request, seeds: tuple[Request, ...], rng: random.Random) -> Request:
    headers = dict(request.headers)
    how = rng.randrange(10)
    if how == 0 and headers:
        del headers[rng.choice(list(headers))]
    elif how < 3:
        return _pack(request, rng)
    elif how < 5:  # near the truth
        length = len(request.body) + rng.choice((-1, 0, 1, 2))
        headers[LENGTH] = str(length if rng.random() < 0.5 else rng.randrange(max(1, length)))
    else:
        name = rng.choice(list(_HEADERS))
        headers[name] = rng.choice(_HEADERS[name])
    return replace(request, headers=headers)


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)  # a time would change with each run


def _pack(request: Request, rng: random.Random) -> Request:
    """Compress the body, sometimes wrongly, sometimes to something far larger than it looks."""
    body = request.body if rng.random() < 0.9 else b" " * 3_000_000 + request.body
    name, pack = rng.choice((("gzip", _gzip), ("deflate", zlib.compress)))
    packed = pack(body)
    how = rng.randrange(8)
    if how == 0:
        packed = packed[: rng.randrange(len(packed))]
    elif how == 1:
        packed += rng.randbytes(5)
    elif how == 2:
        packed += pack(b"{}")
    elif how == 3:
        name = rng.choice(_ENCODINGS)
    elif how == 4:
        packed = packed[2:-4]  # without its head and its sum
    headers = {**request.headers, "content-encoding": name}
    return replace(request, body=packed, headers=headers)


def _path(request: Request, seeds: tuple[Request, ...], rng: random.Random) -> Request:
    if request.moves:
        return _json(request, seeds, rng)
    if rng.random() < 0.1:
        return replace(request, method=rng.choice(("GET", "POST", "PUT", "DELETE", "HEAD")))
    parts = request.path.split("/")
    at = rng.randrange(1, len(parts))
    how = rng.randrange(6)
    if how == 0:
        del parts[at]
    elif how == 1:
        parts.insert(at, rng.choice(_SEGMENTS))
    elif how < 4:
        _, colon, verb = parts[at].partition(":")
        parts[at] = rng.choice(_SEGMENTS) + (colon + verb if rng.random() < 0.7 else "")
    elif how == 4:
        parts[at] = rng.choice(
            (parts[at].upper(), "".join(f"%{b:02x}" for b in parts[at].encode()))
        )
    else:
        parts[at] += rng.choice(("%20", "%3A", "/", ":", "?", "%2F", "\u00fc", "+", "*", "~"))
    return replace(request, path="/".join(parts) or "/")


def _base64(request: Request, seeds: tuple[Request, ...], rng: random.Random) -> Request:
    """Change how the event carries the body, as no gateway would."""
    text = base64.b64encode(request.body).decode()
    at = rng.randrange(len(text) + 1)
    bodies: list[dict[str, Any]] = [
        {"body": text, "isBase64Encoded": False},
        {"body": request.body.decode("latin-1"), "isBase64Encoded": True},
        {"body": text[:at] + rng.choice("=!\n \u00fc-_\x00") + text[at:], "isBase64Encoded": True},
        {"body": text[:at], "isBase64Encoded": True},
        {"body": text + "====", "isBase64Encoded": True},
        {"body": "", "isBase64Encoded": True},
        {"body": None, "isBase64Encoded": rng.random() < 0.5},
        {"body": '"\ud800"', "isBase64Encoded": False},
    ]
    return replace(request, event=rng.choice(bodies))


KINDS: dict[str, Callable[[Request, tuple[Request, ...], random.Random], Request]] = {
    "valid": _valid,
    "bytes": _bytes,
    "json": _json,
    "header": _header,
    "path": _path,
    "base64": _base64,
}
_SHARES = {"valid": 4, "bytes": 22, "json": 44, "header": 16, "path": 10, "base64": 4}


def to_document(request: Request) -> dict[str, Any]:
    """Return a request as it is kept in a file."""
    document = {name: getattr(request, name) for name in ("method", "path", "headers", "event")}
    return {**document, "body": base64.b64encode(request.body).decode()}


def from_document(text: str) -> Request:
    document = json.loads(text)["request"]
    return Request(**{**document, "body": base64.b64decode(document["body"])})
