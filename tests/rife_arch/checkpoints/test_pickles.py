"""A pickle read as data is what Python would make of it, and nothing can make it fail otherwise."""

from __future__ import annotations

import contextlib
import io
import pickle
from collections import OrderedDict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rife_arch.checkpoints.pickles import Global, Made, read_pickle


def nested(leaves: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
            | st.dictionaries(st.text(max_size=5), inner, max_size=3).map(OrderedDict)
        ),
        max_leaves=8,
    )


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9)


@given(nested(PLAIN), st.integers(0, 5))
@example(["a", "a", {"a": ("a",)}], 4)
def test_plain_values_are_what_python_makes_of_them(value: object, protocol: int) -> None:
    file = io.BytesIO(pickle.dumps(value, protocol) + b"rest")
    assert read_pickle(file)[0] == value
    assert file.read() == b"rest"


@given(nested(PLAIN | st.binary(max_size=9)), st.integers(3, 5))  # before, bytes were calls
def test_bytes_are_what_python_makes_of_them(value: object, protocol: int) -> None:
    assert read_pickle(io.BytesIO(pickle.dumps(value, protocol)))[0] == value


@given(st.binary(max_size=200))
@example(b"\x80\x02}q\x00.")
@example(b"(ios\nmkdir\n.")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_pickle(io.BytesIO(data))


MACHINE = b"( 0 1 2 N ] } ) t l d a e s u \x85 \x86 \x87 R b \x81 \x92 o Q \x93 \x94 \x8f \x90 \x91"
OPERANDS = [b"K\x01", b"h\x00", b"q\x00", b"cos\nmkdir\n", b"U\x01a"]
OPCODES = st.lists(st.sampled_from(MACHINE.split() + OPERANDS), max_size=30)


@given(OPCODES)
def test_any_program_is_read_or_refused(opcodes: list[bytes]) -> None:
    with contextlib.suppress(ValueError):
        read_pickle(io.BytesIO(b"".join(opcodes) + b"."))


def test_calls_are_looked_at_and_names_noted() -> None:
    read, names = read_pickle(io.BytesIO(pickle.dumps(slice(1, 2), 2)))
    assert isinstance(read, Made)
    assert isinstance(read.function, Global)
    assert read.arguments == (1, 2, None)
    assert names == [read.function.name]


@pytest.mark.parametrize("data", [b"", b".", b"N", b"\x80\x02t.", b"\x82\x01."])
def test_damage_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whose words are those of pickletools
        read_pickle(io.BytesIO(data))
