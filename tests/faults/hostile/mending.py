"""Mending checksums, so that what a fuzzer changes is looked at and not only its checksum."""

from __future__ import annotations

import struct

import msgspec

from shoebox.format import catalog, codecs, v2
from shoebox.format.preamble import MAGIC_BYTES
from tests.faults.hostile import targets

_HEAD = v2.FRAME_SIZE
_CRC = struct.Struct("<I")
_DESCRIPTOR = targets.SECTION
_DESCRIPTORS = (68, 82)
_KIND, _ITEMS = 6, 64
_ENTRY = 56


def mended(target: str, data: bytes) -> bytes:
    """Return the bytes with checksums that are right, as far as the target has some."""
    if target == "section":
        return _section(data)
    if target == "catalog":
        return _catalog(data)
    if target in {"head", "tail", "descent", "archive", "recovery"}:
        return _frames(data)
    if target == "index":
        return _index(data)
    return data


def _signed(data: bytes) -> bytes:
    """Return bytes whose last four are the checksum of those before."""
    return data[:-4] + _CRC.pack(codecs.checksum(data[:-4]))


def _section(data: bytes) -> bytes:
    size = _DESCRIPTOR.size
    if len(data) < size:
        return data
    _, raw, _, codec, escaped = _DESCRIPTOR.unpack_from(data)
    stored = data[size:]
    return _DESCRIPTOR.pack(len(stored), raw, codecs.checksum(stored), codec, escaped) + stored


def _catalog(data: bytes) -> bytes:
    """Mend the end of a catalog, and the checksum of its table."""
    size = catalog._END_SIZE
    end = bytearray(data[-size:])
    if len(end) < size:
        return data
    (at,) = struct.unpack_from("<Q", end, 16)
    at = min(at, len(data) - size)
    stored = data[at:-size]
    struct.pack_into("<QI", end, 16, at, len(stored))
    _CRC.pack_into(end, 32, codecs.checksum(stored))
    return data[:-size] + _signed(bytes(end))


def _frames(data: bytes) -> bytes:
    """Mend each frame of version 2, from the last to the first."""
    out = bytearray(data)
    at = len(out)
    while (at := out.rfind(MAGIC_BYTES, 0, at)) >= 0:
        if len(out) >= at + _HEAD and out[at + 4 : at + 6] == b"\2\0":
            if out[at + _KIND] != v2.TAIL:
                _sections(out, at)
            out[at : at + _HEAD] = _signed(bytes(out[at : at + _HEAD]))
    return bytes(out)


def _sections(out: bytearray, at: int) -> None:
    """Mend the checksums of a frame's sections, where they lie in the file."""
    begin = at + _HEAD
    places = []
    for descriptor in _DESCRIPTORS:
        (stored,) = _CRC.unpack_from(out, at + descriptor)
        places.append((at + descriptor + 8, begin, begin + stored))
        begin += stored
    if out[at + _KIND] == v2.INDEX and places[1][2] <= len(out):
        (items,) = _CRC.unpack_from(out, at + _ITEMS)
        raw, payload = (bytes(out[one:other]) for _, one, other in places)
        fixed = _runs(raw, items, payload)
        if len(fixed) == len(raw):
            out[places[0][1] : places[0][2]] = fixed
    for crc, one, other in places:
        if other <= len(out):
            _CRC.pack_into(out, crc, codecs.checksum(bytes(out[one:other])))


def _index(data: bytes) -> bytes:
    size = targets.BLOCK.size
    if len(data) < size:
        return data
    count, length = targets.BLOCK.unpack_from(data)
    raw, payload = data[size : size + length], data[size + length :]
    return data[:size] + _runs(raw, count, payload) + payload


def _runs(raw: bytes, count: int, payload: bytes) -> bytes:
    """Mend the checksums of an index frame's runs in its raw metadata section."""
    try:
        found = msgspec.msgpack.decode(raw[count * _ENTRY :], type=dict[str, bytes])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return raw
    at = 0
    for key, it in found.items():
        if len(it) < _DESCRIPTOR.size:
            return raw
        stored, length, _, *rest = _DESCRIPTOR.unpack_from(it)
        crc = codecs.checksum(payload[at : at + stored])
        found[key] = _DESCRIPTOR.pack(stored, length, crc, *rest) + it[_DESCRIPTOR.size :]
        at += stored
    return raw[: count * _ENTRY] + msgspec.msgpack.encode(found)
