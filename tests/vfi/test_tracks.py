"""When something of the source is shown in the result."""

from dataclasses import replace
from fractions import Fraction

import pytest

from vfi.tracks import AudioMode, AudioStream, Chapter, SourceTracks


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [(0, 2, None), (1, 3, (0, 1)), (2, 2, (0, 0)), (4, 9, (2, 3)), (5, 6, None), (9, 9, None)],
)
def test_what_is_shown_of_seconds_2_to_5(start, end, shown, tmp_path):
    tracks = SourceTracks(tmp_path, start=Fraction(2), duration=Fraction(3))

    assert tracks.shown(Fraction(start), Fraction(end)) == shown


def test_chapters_of_a_late_picture_stay_with_their_frames(tmp_path):
    marks = [Chapter(Fraction(0), Fraction(2), "A"), Chapter(Fraction(2), Fraction(4), "B")]
    tracks = SourceTracks(tmp_path, chapters=marks, delay=Fraction(1, 2), start=Fraction(1))

    shown = list(tracks.shown_chapters())
    assert [(chapter.start, chapter.end) for chapter in shown] == [(0, 1), (1, 3)]


def test_chapters_outside_the_trim_or_of_no_length_are_left_out(tmp_path):
    ends = [(0, 1, "before"), (1, 3, "A"), (3, 3, "of no length"), (3, 9, "B"), (5, 9, "after")]
    marks = [Chapter(Fraction(start), Fraction(end), title) for start, end, title in ends]
    tracks = SourceTracks(tmp_path, chapters=marks, start=Fraction(1), duration=Fraction(4))

    shown = [(chapter.start, chapter.end, chapter.title) for chapter in tracks.shown_chapters()]
    assert shown == [(0, 2, "A"), (2, 4, "B")]


def test_speed_moves_what_is_shown(tmp_path):
    tracks = SourceTracks(tmp_path, start=Fraction(2), tempo=Fraction(2))

    assert tracks.shown(Fraction(3), Fraction(6)) == (Fraction(1, 2), 2)


@pytest.mark.parametrize(("delay", "begins"), [("0.1", False), ("0.1001", True)])
def test_sound_before_the_picture_is_kept_where_it_is_more_than_an_encoder_puts_there(
    delay, begins, tmp_path
):
    tracks = SourceTracks(tmp_path, audio=(AudioStream(1, "aac"),), delay=Fraction(delay))

    assert tracks.begins_with_audio is begins
    assert not replace(tracks, audio=()).begins_with_audio
    assert not replace(tracks, audio_mode=AudioMode.NONE).begins_with_audio
    assert not replace(tracks, tempo=Fraction(2)).begins_with_audio
    assert not replace(tracks, start=Fraction(1)).begins_with_audio
