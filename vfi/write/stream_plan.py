"""Which streams of the source come along, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..encode import Container
from ..tracks import AudioMode, SourceTracks
from .side_streams import AUDIO_BITRATE

_AUDIO_NAMES = {"aac": "AAC", "libopus": "Opus"}
# Codecs of subtitles that FFmpeg decodes to text; others are images, or nothing it knows.
_TEXT_SUBTITLES = frozenset(
    {
        *("ass", "eia_608", "jacosub", "microdvd", "mov_text", "mpl2", "pjs", "realtext", "sami"),
        *("ssa", "stl", "subrip", "subviewer", "subviewer1", "text", "vplayer", "webvtt"),
    }
)

Notify = Callable[[str], object]


def plan_audio(
    tracks: SourceTracks, container: Container, suffix: str, notify: Notify
) -> Mapping[int, bool]:
    """Choose the audio streams, and whether each is encoded again.

    Args:
        tracks: the source's.
        container: what they go into.
        suffix: what the user calls that.
        notify: called with a sentence for each stream that cannot be kept as it is.

    Returns:
        Number of a stream among the audio, from 0 -> whether it is encoded.
    """
    if not tracks.audio or tracks.audio_mode is AudioMode.NONE:
        return {}
    if container.audio_encoder is None:
        notify(f"audio was left out: {suffix} files have none")
        return {}
    plan: dict[int, bool] = {}
    for number, stream in enumerate(tracks.audio):
        if stream.codec == "unknown":
            notify(f"audio track {number + 1} was left out: FFmpeg does not know its codec")
            continue
        reason = _reason_to_encode(tracks, stream.codec, container, suffix)
        if reason:
            encoder = f"{_AUDIO_NAMES[container.audio_encoder]} at {AUDIO_BITRATE // 1000}k"
            notify(f"audio track {number + 1} was re-encoded to {encoder}: {reason}")
        plan[number] = bool(reason) or tracks.audio_mode is AudioMode.ENCODE
    return plan


def _reason_to_encode(tracks: SourceTracks, codec: str, container: Container, suffix: str) -> str:
    if tracks.tempo != 1:
        return "the speed changes"
    if codec not in container.audio_codecs:
        return f"{suffix} files do not hold {codec}"
    return ""


def plan_subtitles(
    tracks: SourceTracks, container: Container, suffix: str, notify: Notify
) -> Iterator[tuple[int, str]]:
    """Yield the numbers, from 0, of the subtitle streams that go into a file.

    Args:
        tracks: the source's.
        container: what they go into.
        suffix: what the user calls that.
        notify: called with a sentence for each stream that is left out.

    Yields:
        The number, and what it becomes: "copy", or the name of an encoder.
    """
    if tracks.subtitles and tracks.tempo != 1:
        notify("subtitles were left out: the speed changes")
        return
    for number, stream in enumerate(tracks.subtitles):
        if stream.codec in container.subtitle_codecs:
            yield number, "copy"
        elif container.subtitle_encoder and stream.codec in _TEXT_SUBTITLES:
            yield number, container.subtitle_encoder
        else:
            notify(
                f"subtitle track {number + 1} was left out: {suffix} files do not hold "
                f"{stream.codec}"
            )
