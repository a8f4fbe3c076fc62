from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfi.encode.encoder_options import ALLOWED, parse_encoder_options
from vfi.errors import InputError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("-preset slow -tune film", {"preset": "slow", "tune": "film"}),
        ("preset=slow tune=film", {"preset": "slow", "tune": "film"}),
        ("b:v=4M -crf 18 x265-params=aq-mode=3", {"b": "4M", "crf": "18", "x265-params": "aq-mode=3"}),
        ("-b:v 4M -maxrate:v 6M", {"b": "4M", "maxrate": "6M"}),
        ("-crf 18 -crf:v 23", {"crf": "23"}),
        ("-deblock -1,-1", {"deblock": "-1,-1"}),
        ("-x265-params 'aq-mode=3:no-sao:psy-rd=2.0'", {"x265-params": "aq-mode=3:no-sao:psy-rd=2.0"}),
        ("-pix_fmt yuv444p10le", {"pix_fmt": "yuv444p10le"}),
    ],
)  # fmt: skip
def test_options_of_an_encoder_are_taken(line: str, expected: dict[str, str]) -> None:
    assert parse_encoder_options(line) == expected


def test_endless_line_is_refused_before_it_is_read() -> None:
    with pytest.raises(InputError, match="have 100000 characters, and at most 4000 are read"):
        parse_encoder_options("-crf 18 " * 12500)


@pytest.mark.parametrize(
    "line",
    [
        "-i /etc/passwd",
        "-f image2",
        "-y",
        "-filter_complex movie=/etc/passwd",
        "-vf movie=/etc/passwd",
        "-filter:v subtitles=a.srt",
        "-passlogfile a",
        "-pass 1",
        "-stats 1",
        "-attach a.txt",
        "-dump_attachment:t a",
        "-report",
        "-progress a.txt",
        "-/crf a.txt",
        "-fpre a.ffpreset",
        "-c:v copy",
        "-map 0",
        "-metadata title=x",
        "-movflags +faststart",
        "-protocol_whitelist file",
        "-b:a 64k",
        "-crf:0 18",
        "-",
        "--",
        "out.mp4",
        "xcrf 18",
        "concat:a.mp4",
        "pipe:1",
        "-crf 18 out.mp4",
        "-crf 18 -vstats_file a.txt",
        "stats=a.txt",
        "-crf=18",
        "preset",
        "=slow",
        "passlogfile=a",
    ],
)
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="is not among those that may be set"):
        parse_encoder_options(line)


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "..\\secret", "a b", "$(id)", "`id`", "a;b", "a|b", "ä"]
)
def test_value_that_could_be_a_path_or_more_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="needs a value of letters, digits"):
        parse_encoder_options(f"-tune '{value}'")


@pytest.mark.parametrize(
    "parameters", ["stats=x", "qpfile=x", "log-file=x", "aq-mode=1:recon=x", "csv=x", "", "colorprim=1"]
)  # fmt: skip
def test_parameters_that_name_files_or_colours_are_refused(parameters: str) -> None:
    with pytest.raises(InputError, match=r"(is not among the parameters|needs a value)"):
        parse_encoder_options(f"-x264-params '{parameters}'")


def test_value_that_is_missing_is_missed() -> None:
    with pytest.raises(InputError, match=r"-crf needs a value .*, got 'nothing'"):
        parse_encoder_options("-tune film -crf")


def test_quote_that_is_left_open_is_told() -> None:
    with pytest.raises(InputError, match="A quote is not closed"):
        parse_encoder_options("-tune 'film")


def test_pixel_format_the_writer_cannot_make_is_refused() -> None:
    with pytest.raises(InputError, match=r"-pix_fmt rgb24 is not among .* yuv420p, "):
        parse_encoder_options("-pix_fmt rgb24")


WORDS = st.sampled_from([*sorted(ALLOWED), "i", "vf", "stats", "x264-params"])
OPTIONS = st.tuples(WORDS, st.text(max_size=20)).map(lambda pair: f"-{pair[0]} '{pair[1]}'")


@given(st.lists(OPTIONS).map(" ".join) | st.text(max_size=200))
def test_any_line_is_allowed_options_without_paths_or_one_error(line: str) -> None:
    try:
        options = parse_encoder_options(line)
    except InputError:
        return
    assert options.keys() <= ALLOWED
    assert not any(set(value) & set("/\\ \0'\"") for value in options.values())
