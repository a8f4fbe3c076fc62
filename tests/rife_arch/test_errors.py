"""Messages are text that can be written anywhere."""

from __future__ import annotations

from rife_arch.errors import CheckpointError


def test_name_that_is_not_utf_8_is_spelled_out() -> None:
    assert str(CheckpointError("b\udcff.pkl: \U0001f3ac")) == "b\\udcff.pkl: \U0001f3ac"
