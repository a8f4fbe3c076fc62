"""The file formats that can be written, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from av.audio.layout import AudioLayout

from ..errors import InputError


@dataclass(frozen=True)
class Container:
    """A file format that can be written.

    Attributes:
        muxer: FFmpeg's name of it.
        audio_codecs: what is copied into it; not what the format allows but few players play
            (Vorbis in mp4).
        audio_encoder: what any other audio is encoded with; None: the format holds no audio.
        audio_layouts: the arrangement of speakers for 1, 2, ... channels that the encoder takes; empty:
            any.
        options: of the muxer.
        movflags: flags of the mp4 family.
        codec_tags: what to call a codec where players expect another name than FFmpeg gives.
        subtitle_codecs: what is copied into it.
        subtitle_encoder: what other text subtitles are encoded with; None: it holds no subtitles.
        holds_fonts: it can have attachments, such as fonts for subtitles.
        holds_tags: it can have tags, such as a workflow.
        holds_exif: it can have them as EXIF, which FFmpeg does not write.
    """

    muxer: str
    audio_codecs: frozenset[str] = frozenset()
    audio_encoder: str | None = "aac"
    audio_layouts: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    movflags: tuple[str, ...] = ()
    codec_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    subtitle_codecs: frozenset[str] = frozenset()
    subtitle_encoder: str | None = None
    holds_fonts: bool = False
    holds_tags: bool = True
    holds_exif: bool = False

    def audio_layout(self, layout: AudioLayout) -> str:
        """Return the arrangement of speakers that audio in ``layout`` is encoded in."""
        if not self.audio_layouts and not layout.name.endswith(_UNARRANGED):
            return layout.name
        # libopus knows no side speakers, which is what AC-3 calls its surround channels.
        usual = self.audio_layouts or _USUAL_LAYOUTS
        return usual[min(layout.nb_channels, len(usual)) - 1]

    @property
    def is_frames_only(self) -> bool:
        """Whether it holds nothing but frames: no other stream, no tag."""
        return self.audio_encoder is None and not self.holds_tags


# PCM in Matroska has a number of channels only, such as "2 channels".
_UNARRANGED = "channels"
_USUAL_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_COMMON_AUDIO = frozenset({"aac", "ac3", "alac", "eac3", "mp3"})
_PCM = frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le"})
_MOV_TEXT = frozenset({"mov_text"})
_PICTURE_SUBTITLES = frozenset({"dvb_subtitle", "dvd_subtitle", "hdmv_pgs_subtitle"})
_APPLE_TAGS = {"hevc": "hvc1"}  # QuickTime does not play what is called hev1

# Without it, Matroska numbers file and tracks at random: no two runs would give the same bytes.
_SAME_BYTES = {"fflags": "+bitexact"}

CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container(
        muxer="mp4",
        audio_codecs=_COMMON_AUDIO | {"flac", "opus"},
        movflags=("+faststart",),
        codec_tags=_APPLE_TAGS,
        subtitle_codecs=_MOV_TEXT,
        subtitle_encoder="mov_text",
    ),
    ".mov": Container(
        muxer="mov",
        audio_codecs=_COMMON_AUDIO | _PCM,
        movflags=("+faststart",),
        codec_tags=_APPLE_TAGS,
        subtitle_codecs=_MOV_TEXT,
        subtitle_encoder="mov_text",
    ),
    ".mkv": Container(
        muxer="matroska",
        options=_SAME_BYTES,
        audio_codecs=_COMMON_AUDIO
        | (_PCM - {"pcm_s24be"})
        | {"dts", "flac", "mp2", "opus", "truehd", "tta", "vorbis", "wavpack"},
        subtitle_codecs=frozenset({"ass", "subrip", "webvtt"}) | _PICTURE_SUBTITLES,
        subtitle_encoder="srt",
        holds_fonts=True,
    ),
    ".webm": Container(
        muxer="webm",
        options=_SAME_BYTES,
        audio_codecs=frozenset({"opus", "vorbis"}),
        audio_encoder="libopus",
        audio_layouts=_USUAL_LAYOUTS,
        subtitle_codecs=frozenset({"webvtt"}),
        subtitle_encoder="webvtt",
    ),
    ".gif": Container(muxer="gif", audio_encoder=None, holds_tags=False),
    # Without loop=0 the animation is shown once and stops; GIF repeats by itself.
    ".webp": Container(
        muxer="webp",
        audio_encoder=None,
        options={"loop": "0"},
        holds_tags=False,
        holds_exif=True,
    ),
}


def find_container(path: Path) -> Container:
    """Return the format that the extension of ``path`` names.

    Raises:
        InputError: there is none of that name.
    """
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError as error:
        raise InputError(
            f"{path}: cannot write {path.suffix or 'a file without extension'}. "
            f"Use one of these extensions: {', '.join(CONTAINERS)}."
        ) from error
