#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes those kept inputs that no editor can write: maps of the cache (docs/cache.md) and logs of a journal
(docs/journal-format.md). Their sums are zeros, for the targets put in the right ones.

    tests/fuzz/binary_seeds.py      writes into tests/fuzz/corpus
"""
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
NO_SUM = bytes(8)


def keep(target, name, content):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)


def long_string(text):
    return struct.pack("<I", len(text)) + text


def cache_map(size, metadata, entries):
    count = struct.pack("<I", 0xFFFFFFFF if metadata is None else len(metadata))
    pairs = b"".join(long_string(name) + long_string(value) for name, value in (metadata or {}).items())
    chunk = 16 << 10
    rest = struct.pack("<QQq", chunk, size, 1_700_000_000) + b"".join(map(long_string, (b"s3", b"a/b", b"etag")))
    rest += count + pairs
    rest += bytes(-(16 + len(rest)) % 8)
    head = b"PNSTKMAP" + struct.pack("<II", 1, 16 + len(rest) + 8)
    return head + rest + NO_SUM + struct.pack(f"<{len(entries)}Q", *entries) + bytes(24)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def string(text):
    return varint(len(text)) + text


def metadata_of(pairs):
    return varint(len(pairs)) + b"".join(string(name) + string(value) for name, value in pairs.items())


def owner(next_file):
    numbers = struct.pack("<q", 1_700_000_000) + varint(next_file) + varint(9) + struct.pack("<Q", 0)
    return 1, 0, string(b"s3://bucket") + string(b"data/") + numbers


def state(file, pieces, ranges, size, base=b"\0"):
    body = string(b"data/a") + varint(size) + struct.pack("<q", 5) + string(b"old") + metadata_of({b"mode": b"33188"})
    body += base + varint(len(pieces))
    for segment, position, length in pieces:
        body += varint(segment) + varint(position) + varint(length) + struct.pack("<Q", 77)
    body += varint(len(ranges))
    for kind, length, *piece in ranges:
        body += bytes([kind]) + varint(length) + b"".join(map(varint, piece))
    return 2, file, body


RECORDS = {
    "owner": owner(5),
    "state": state(1, [(3, 0, 100)], [(1, 40, 0, 0), (0, 1000), (1, 60, 0, 40)], 1100),
    "edited": state(2, [], [(2, 4096)], 4096, b"\2" + string(b"data/a") + varint(4096) + string(b"e") + varint(0)),
    "forget": (3, 1, b""),
    "failure": (4, 2, struct.pack("<q", 6) + string(b"access denied")),
    "began": (5, 2, string(b"data/a") + string(b"upload-1") + metadata_of({})),
    "ended": (6, 0, string(b"upload-2")),
    "damage": (7, 4, string(b"the disk lost it")),
}


def log(*records):
    out = b"PSTKJRN1" + struct.pack("<IQ", 1, 0x1234) + NO_SUM
    for kind, file, body in records:
        out += struct.pack("<IBQQ", len(body), kind, file, 0) + NO_SUM + bytes(4) + body
    return out


keep("cache_map", "whole", cache_map(40_000, {b"mode": b"33188"}, (7, 0, 9)))
keep("cache_map", "empty_object", cache_map(0, None, ()))
keep("cache_map", "usage", b"PNSTKUSE" + struct.pack("<QQ", 1 << 30, 17) + NO_SUM)
keep("journal_log", "all", log(*RECORDS.values()))
keep("journal_log", "owner", log(owner(1)))
keep("journal_log", "damage_without_reason", log(owner(1), (7, 4, string(b""))))
for record, (kind, file, body) in RECORDS.items():
    keep("journal_record", record, bytes([kind - 1, file]) + body)
