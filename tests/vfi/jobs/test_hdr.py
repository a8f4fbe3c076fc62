"""HDR is kept, converted with a note, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.helpers.jobs import greys
from vfi.color import HLG, PQ, SDR, Color
from vfi.encode import EncodingSettings
from vfi.errors import InputError
from vfi.jobs import HdrMode, fit_color

KEEPERS = ("high-quality", "web", "master", "lossless-16")


@pytest.mark.parametrize("mode", HdrMode)
@pytest.mark.parametrize("preset", KEEPERS)
def test_deep_preset_keeps_hdr(preset: str, mode: HdrMode) -> None:
    clip, notes = replace(greys([0]), color=PQ), list[str]()
    assert fit_color(clip, EncodingSettings(preset), mode, notes.append) is clip
    assert not notes


@pytest.mark.parametrize("mode", HdrMode)
@pytest.mark.parametrize("color", [SDR, Color("bt2020")])
def test_sdr_is_left_alone(color: Color, mode: HdrMode) -> None:
    clip, notes = replace(greys([0]), color=color), list[str]()
    assert fit_color(clip, EncodingSettings("share"), mode, notes.append) is clip
    assert fit_color(clip, None, mode, notes.append) is clip
    assert not notes


@pytest.mark.parametrize("color", [SDR, HLG])
def test_what_there_is_to_say_of_a_clip_is_said_first(color: Color) -> None:
    clip, notes = replace(greys([0]), color=color, notes=("interlaced.",)), list[str]()
    fit_color(clip, None, HdrMode.TONE_MAP, notes.append)
    assert notes[0] == "interlaced."


@pytest.mark.parametrize(
    ("encoding", "limit"),
    [
        (EncodingSettings("share"), "preset share has 8 bits"),
        (EncodingSettings("high-quality", options={"pix_fmt": "yuv420p"}), "has 8 bits"),
        (None, "images cannot hold it"),
    ],
    ids=["share", "8 bits by an option", "images"],
)
def test_hdr_becomes_sdr_with_a_note(encoding: EncodingSettings | None, limit: str) -> None:
    clip, notes = replace(greys([0]), color=HLG), list[str]()
    assert fit_color(clip, encoding, HdrMode.TONE_MAP, notes.append).color == SDR
    (note,) = notes
    assert note.startswith("HDR (HLG) is converted to SDR, because ")
    assert limit in note
    assert all(preset in note for preset in KEEPERS)


def test_refusal_says_what_to_do() -> None:
    clip, notes = replace(greys([0]), color=PQ), list[str]()
    with pytest.raises(
        InputError,
        match=r"greys is HDR \(PQ\), but.*share.*preset high-quality.*set hdr to tonemap",
    ):
        fit_color(clip, EncodingSettings("share"), HdrMode.REFUSE, notes.append)
    assert not notes
