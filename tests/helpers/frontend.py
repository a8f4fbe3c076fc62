"""How ComfyUI's front end finds the graph in a video, for tests.

After its own source (1.45), src/scripts/metadata/isobmff.ts and ebml.ts, shortcuts included: it looks
at so many bytes only, takes Matroska apart by searching, and counts braces to find the end of JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MP4_BYTES = 64 * 1024 * 1024
WEBM_BYTES = 2 * 1024 * 1024

_SIMPLE_TAG, _TAG_NAME, _TAG_STRING = b"\x67\xc8", b"\x45\xa3", b"\x44\x87"
_GRAPHS = ("prompt", "workflow")


def graphs_in(path: Path) -> dict[str, Any]:
    """Return "prompt" and "workflow", as far as the front end finds them."""
    if path.suffix in (".mp4", ".mov"):
        return _graphs_in_mp4(path.read_bytes()[:MP4_BYTES])
    return _graphs_in_webm(path.read_bytes()[:WEBM_BYTES])


def _graphs_in_mp4(data: bytes) -> dict[str, Any]:
    moov = _find_box(data, (0, len(data)), b"moov")
    udta = _find_box(data, (0, len(data)), b"udta") or (moov and _find_box(data, moov, b"udta"))
    meta = udta and _find_box(data, udta, b"meta")
    if not meta:
        return {}
    content = (meta[0] + 4, meta[1])
    keys, items = _find_box(data, content, b"keys"), _find_box(data, content, b"ilst")
    if not keys or not items:
        return {}
    names = _keys(data, keys)
    found: dict[str, Any] = {}
    position, end = items
    while position < end - 8:
        size = _number(data, position)
        name = names.get(_number(data, position + 4), "").lower()
        value = _find_box(data, (position + 8, position + size), b"data")
        if value and name in _GRAPHS:
            text = data[value[0] + 8 : value[1]]
            found[name] = json.loads(text[text.index(b"{") :])
        position += size
    return found


def _find_box(data: bytes, within: tuple[int, int], kind: bytes) -> tuple[int, int] | None:
    position, end = within
    while position < end - 8:
        size = _number(data, position)
        if size < 8:
            position += 1
        elif data[position + 4 : position + 8] == kind:
            return position + 8, position + size
        elif position + size > end:
            return None
        else:
            position += size
    return None


def _keys(data: bytes, within: tuple[int, int]) -> dict[int, str]:
    position = within[0] + 8
    names: dict[int, str] = {}
    for number in range(1, 1 + _number(data, within[0] + 4)):
        size = _number(data, position)
        names[number] = data[position + 8 : position + size].decode()
        position += size
    return names


def _number(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "big")


def _graphs_in_webm(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    position = 0
    while (position := data.find(_SIMPLE_TAG, position)) >= 0:
        begin, size = _length(data, position + 2)
        if size <= 0 or begin + size > len(data):
            position += 1
            continue
        position = begin + size
        name = _element(data, begin, position, _TAG_NAME)
        text = _element(data, begin, position, _TAG_STRING).split(b"\0")[0]
        if name.decode().lower() in _GRAPHS and b"{" in text:
            graph = _up_to_its_last_brace(text[text.index(b"{") :].decode())
            if graph:
                found[name.decode().lower()] = json.loads(graph)
    return found


def _element(data: bytes, begin: int, end: int, kind: bytes) -> bytes:
    position = data.find(kind, begin, end)
    if position < 0:
        return b""
    begin, size = _length(data, position + 2)
    return data[begin : begin + size]


def _length(data: bytes, position: int) -> tuple[int, int]:
    """Return where an element's content begins, and its size."""
    size = 9 - data[position].bit_length()
    number = int.from_bytes(data[position : position + size], "big") & ((1 << 7 * size) - 1)
    return position + size, number


def _up_to_its_last_brace(text: str) -> str:
    depth = 0
    for position, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return text[: position + 1]
    return ""
