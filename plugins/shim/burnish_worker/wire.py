"""MessagePack, as much of it as the protocol uses, and the frames around it."""

import os
import struct

MOST_BYTES = 32 << 20
MOST_DEPTH = 100


def pack(value):
    """The bytes of a value."""
    out = bytearray()
    _pack(value, out, 0)
    return out


def _pack(value, out, depth):
    if depth > MOST_DEPTH:
        raise ValueError("this is nested too deeply to be sent")
    if value is None:
        out.append(0xC0)
    elif value is True or value is False:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        value = int(value)
        if 0 <= value < 0x80:
            out.append(value)
        elif -0x20 <= value < 0:
            out += struct.pack(">b", value)
        elif 0 <= value < 1 << 64:
            out += struct.pack(">BQ", 0xCF, value)
        elif -(1 << 63) <= value < 0:
            out += struct.pack(">Bq", 0xD3, value)
        else:
            raise ValueError(f"{value} does not fit 64 bits")
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        data = value.encode("utf-8", "replace")
        _head(out, len(data), 0xA0, 32, 0xDA, 0xDB)
        out += data
    elif isinstance(value, (bytes, bytearray)):
        out += struct.pack(">BI", 0xC6, len(value))
        out += value
    elif isinstance(value, (list, tuple)):
        _head(out, len(value), 0x90, 16, 0xDC, 0xDD)
        for it in value:
            _pack(it, out, depth + 1)
    elif isinstance(value, dict):
        _head(out, len(value), 0x80, 16, 0xDE, 0xDF)
        for key, it in value.items():
            _pack(str(key), out, depth + 1)
            _pack(it, out, depth + 1)
    else:
        raise ValueError(f"{type(value).__name__} cannot be sent")


def _head(out, length, small, limit, two, four):
    if length < limit:
        out.append(small | length)
    elif length < 1 << 16:
        out += struct.pack(">BH", two, length)
    else:
        out += struct.pack(">BI", four, length)


def unpack(data):
    """The value of some bytes."""
    value, end = _unpack(memoryview(data), 0)
    if end != len(data):
        raise ValueError("something follows the message")
    return value


# First byte of a number: its form and its length.
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d",
    0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
    0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}
# First byte of what has a length: what it is, and the form of the length.
_LONG = {
    0xC4: ("bytes", ">B"), 0xC5: ("bytes", ">H"), 0xC6: ("bytes", ">I"),
    0xD9: ("text", ">B"), 0xDA: ("text", ">H"), 0xDB: ("text", ">I"),
    0xDC: ("list", ">H"), 0xDD: ("list", ">I"),
    0xDE: ("dict", ">H"), 0xDF: ("dict", ">I"),
}


def _unpack(data, at):
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    if first >= 0xE0:
        return first - 0x100, at
    if first in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[first], at
    if first in _NUMBERS:
        form = _NUMBERS[first]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    if first in _LONG:
        kind, form = _LONG[first]
        length = struct.unpack_from(form, data, at)[0]
        at += struct.calcsize(form)
    elif first < 0x90:
        kind, length = "dict", first & 0x0F
    elif first < 0xA0:
        kind, length = "list", first & 0x0F
    elif first < 0xC0:
        kind, length = "text", first & 0x1F
    else:
        raise ValueError(f"{first:#x} begins nothing")
    if kind in ("bytes", "text"):
        piece = data[at:at + length]
        return (bytes(piece) if kind == "bytes" else str(piece, "utf-8")), at + length
    if kind == "list":
        values = []
        for _ in range(length):
            value, at = _unpack(data, at)
            values.append(value)
        return values, at
    values = {}
    for _ in range(length):
        key, at = _unpack(data, at)
        values[key], at = _unpack(data, at)
    return values, at


def read_frame(file):
    """The next message, or None at the end."""
    head = file.read(4)
    if len(head) < 4:
        return None
    length = struct.unpack("<I", head)[0]
    data = file.read(length)
    return unpack(data) if len(data) == length else None


def write_frame(descriptor, value):
    """Sends a message."""
    data = pack(value)
    if len(data) > MOST_BYTES:
        raise ValueError(f"a message of {len(data)} bytes is larger than the {MOST_BYTES} that are allowed")
    data = memoryview(struct.pack("<I", len(data)) + data)
    while data:
        data = data[os.write(descriptor, data):]
