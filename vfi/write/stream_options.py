"""Options that tell ffmpeg which streams of the source to take along, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from ..encode import Container, file_url
from ..read import audio_start_after_seek
from ..tracks import AudioMode, SourceTracks

_AUDIO_BITRATE = "192k"
_AUDIO_NAMES = {"aac": "AAC", "libopus": "Opus"}
# Codecs of subtitles that ffmpeg decodes to text; others are images, or nothing it knows.
_TEXT_SUBTITLES = frozenset(
    {
        *("ass", "eia_608", "jacosub", "microdvd", "mov_text", "mpl2", "pjs", "realtext", "sami"),
        *("ssa", "stl", "subrip", "subviewer", "subviewer1", "text", "vplayer", "webvtt"),
    }
)

Notify = Callable[[str], object]


def input_options(tracks: SourceTracks) -> list[str]:
    """Make ffmpeg read the file so that 0 is the first frame shown."""
    # The audio is moved, not the picture: ffmpeg rounds an offset to the time base of its input.
    position = tracks.first_frame_at
    if tracks.is_trimmed and position >= 0:
        options = ["-ss", _seconds(position + audio_start_after_seek(tracks.path))]
    else:
        options = ["-itsoffset", _seconds(-position)]
    if tracks.duration is not None:
        options += ["-t", _seconds(tracks.duration)]
    return [*options, "-i", file_url(tracks.path)]


def audio_options(
    tracks: SourceTracks, input_number: int, container: Container, suffix: str, notify: Notify
) -> list[str]:
    """Choose the audio streams, and copy or re-encode each.

    Args:
        tracks: the source's.
        input_number: of its file among ffmpeg's inputs.
        container: what they go into.
        suffix: what the user calls that.
        notify: called with a sentence for each stream that cannot be kept as it is.
    """
    if not tracks.audio or tracks.audio_mode is AudioMode.NONE:
        return []
    if container.audio_encoder is None:
        notify(f"audio was left out: {suffix} files have none")
        return []
    options: list[str] = []
    num_kept = 0
    for number, stream in enumerate(tracks.audio):
        if stream.codec == "unknown":
            notify(f"audio track {number + 1} was left out: ffmpeg does not know its codec")
            continue
        options += ["-map", f"{input_number}:a:{number}"]
        reason = _reason_to_encode(tracks, stream.codec, container, suffix)
        if reason:
            encoder = f"{_AUDIO_NAMES[container.audio_encoder]} at {_AUDIO_BITRATE}"
            notify(f"audio track {number + 1} was re-encoded to {encoder}: {reason}")
        if reason or tracks.audio_mode is AudioMode.ENCODE:
            options += _encoding_options(tracks, num_kept, container)
        else:
            options += _copying_options(tracks, num_kept)
        num_kept += 1
    return options


def _reason_to_encode(tracks: SourceTracks, codec: str, container: Container, suffix: str) -> str:
    if tracks.tempo != 1:
        return "the speed changes"
    if codec not in container.audio_codecs:
        return f"{suffix} files do not hold {codec}"
    return ""


def _copying_options(tracks: SourceTracks, number: int) -> list[str]:
    options = [f"-c:a:{number}", "copy"]
    # Or a file that has its picture as well is read from a key frame before the trim.
    return [*options, f"-copypriorss:a:{number}", "0"] if tracks.is_trimmed else options


def _encoding_options(tracks: SourceTracks, number: int, container: Container) -> list[str]:
    options = [f"-c:a:{number}", str(container.audio_encoder), f"-b:a:{number}", _AUDIO_BITRATE]
    filters = [container.audio_filter] if container.audio_filter else []
    if tracks.duration is not None:  # -t misses what -itsoffset has moved
        filters.append(f"atrim=end={_seconds(tracks.duration)}")
    if tracks.tempo != 1:
        # atempo keeps the time of the first sample, so that one has to be at 0.
        filters += ["aresample=async=1:first_pts=0", *_tempo_filters(tracks.tempo)]
    return [*options, f"-filter:a:{number}", ",".join(filters)] if filters else options


def kept_subtitles(
    tracks: SourceTracks, container: Container, suffix: str, notify: Notify
) -> Iterator[int]:
    """Yield the numbers, from 0, of the subtitle streams that go into a file.

    Args:
        tracks: the source's.
        container: what they go into.
        suffix: what the user calls that.
        notify: called with a sentence for each stream that is left out.
    """
    if tracks.subtitles and tracks.tempo != 1:
        notify("subtitles were left out: the speed changes")
        return
    for number, stream in enumerate(tracks.subtitles):
        if stream.codec in container.subtitle_codecs or (
            container.subtitle_encoder and stream.codec in _TEXT_SUBTITLES
        ):
            yield number
        else:
            notify(
                f"subtitle track {number + 1} was left out: {suffix} files do not hold "
                f"{stream.codec}"
            )


def subtitle_codec(codec: str, container: Container) -> str:
    """Return what a subtitle stream becomes: "copy", or the name of an encoder."""
    return "copy" if codec in container.subtitle_codecs else str(container.subtitle_encoder)


def _tempo_filters(tempo: Fraction) -> Iterator[str]:
    """Yield filters that change the speed and keep the pitch; above 2, one alone drops samples."""
    while tempo > 2:
        yield "atempo=2"
        tempo /= 2
    while tempo < Fraction(1, 2):
        yield "atempo=0.5"
        tempo *= 2
    yield f"atempo={float(tempo):.12g}"


def _seconds(value: Fraction) -> str:
    return f"{float(value):.6f}"
