"""Change an input a little, by a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

_EDGES = (
    *(b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff"),
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\1\0", b"\x80\0\0\0", b"\xff" * 8),
    *(b"1e9999", b"-1", b"NaN", b"null", b"[", b"{", b'"', b"\\ud800", b":", b"/", b" ", b"9" * 40),
)
_HEADER = 300  # bytes at the start that most changes are worth trying in


def mutants(seeds: Sequence[bytes], seed: int, count: int) -> Iterator[bytes]:
    """Yield ``count`` inputs, each a seed with one to three changes."""
    random = Random(seed)
    for _ in range(count):
        data = random.choice(seeds)
        for _ in range(random.randrange(1, 4)):
            data = _change(data, random)
        yield data


def _change(data: bytes, random: Random) -> bytes:
    """Truncate, flip a bit, write a value from the edge of its range, or move a part."""
    if not data:
        return random.choice(_EDGES)
    start = random.randrange(min(len(data), random.choice((_HEADER, len(data)))))
    match random.randrange(5):
        case 0:
            return data[:start]
        case 1:
            flipped = bytes([data[start] ^ 1 << random.randrange(8)])
            return data[:start] + flipped + data[start + 1 :]
        case 2:
            edge = random.choice(_EDGES)
            return data[:start] + edge + data[start + len(edge) :]
        case 3:
            return data[:start] + random.choice(_EDGES) + data[start:]
        case _:
            part = data[start : start + random.randrange(1, 64)]
            place = random.randrange(len(data))
            return data[:place] + part + data[place:]
