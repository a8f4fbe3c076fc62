"""Messages are text that can be written anywhere."""

from __future__ import annotations

from vfi.errors import InputError


def test_name_that_is_not_utf_8_is_spelled_out() -> None:
    assert str(InputError("b\udcff.mp4: there is no such file")) == (
        "b\\udcff.mp4: there is no such file"
    )
