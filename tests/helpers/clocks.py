"""Files whose timestamps are in disorder, made by changing those of a good file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Change = Callable[[int], int]  # milliseconds, old to new
NOTHING: Mapping[int, Change] = {}

_HEADER, _TAG_HEADER, _TAG_END = 13, 11, 4
_PICTURE, _SOUND = 9, 8


def change_flv(
    data: bytes, *, picture: Mapping[int, Change] = NOTHING, sound: Mapping[int, Change] = NOTHING
) -> bytes:
    """Change the timestamps of single packets, which are counted from 0 in each stream."""
    changed, begin = bytearray(data), _HEADER
    changes, numbers = {_PICTURE: picture, _SOUND: sound}, {_PICTURE: 0, _SOUND: 0}
    while begin + _TAG_HEADER < len(changed):
        kind, size = changed[begin], int.from_bytes(changed[begin + 1 : begin + 4], "big")
        # The second byte of AVC and AAC: 0 for a header.
        if kind in changes and changed[begin + _TAG_HEADER + 1]:
            change = changes[kind].get(numbers[kind])
            numbers[kind] += 1
            if change:
                low, high = begin + 4, begin + 7  # 24 bits, then the 8 above them
                time = int.from_bytes(changed[low:high], "big") | changed[high] << 24
                time = change(time) & 0xFFFFFFFF
                changed[low:high], changed[high] = (time & 0xFFFFFF).to_bytes(3, "big"), time >> 24
        begin += _TAG_HEADER + size + _TAG_END
    return bytes(changed)
