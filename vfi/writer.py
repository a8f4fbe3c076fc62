"""Write a video: start ffmpeg and feed it frames through a pipe.

YUV has the BT.709 matrix, limited range, and says so in its tags; without tags a player guesses from
the size, and half of them guess differently. The file is written under a temporary name and takes
its own when ffmpeg has succeeded, so a file that is there is complete.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from .containers import Container, find_container
from .encoders import choose_encoder, encoder_arguments
from .errors import EncodeError, InputError
from .ffmpeg import RunningFFmpeg, file_url, find_ffmpeg, remove_file
from .presets import DEFAULT_PRESET, PRESETS, Encoder, Preset, find_preset

logger = logging.getLogger(__name__)

_AUDIO_BITRATE = "192k"
_AUDIO_NAMES = {"aac": "AAC", "libopus": "Opus"}
# Frames in the pipe, in the byte order of numpy: (have alpha, bits of a value) -> pixel format.
_PIPED = {
    (False, 8): "rgb24",
    (True, 8): "rgba",
    (False, 16): "rgb48le" if sys.byteorder == "little" else "rgb48be",
    (True, 16): "rgba64le" if sys.byteorder == "little" else "rgba64be",
}

# A player cuts off sound that begins before the picture (mp4) when there is little of it, which is
# right for the silence an audio encoder puts in front. More than this is sound to be kept.
_ENCODER_SILENCE = Fraction(1, 10)

# Measured on 12 flat colours with three versions of ffmpeg (4.2, 7.0, 9.0): with these flags RGB
# returns within 1 code value, without them within 2.
_TO_BT709 = (
    "scale=in_range=pc:out_range=tv:out_color_matrix=bt709"
    ":flags=accurate_rnd+full_chroma_int+bicubic"
)
# Both, because ffmpeg 4.2 writes what the options say and ffmpeg 9 what the frames say.
_TAG_FRAMES = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_TAG_STREAM = (
    *("-color_range", "tv", "-colorspace", "bt709"),
    *("-color_primaries", "bt709", "-color_trc", "bt709"),
)


@dataclass(frozen=True)
class AudioSource:
    """The file whose sound goes into a video.

    Attributes:
        path: the file.
        codecs: codec of each of its sound tracks, in order; "unknown" tracks are left out.
        delay: seconds by which the picture starts after the file's start (``VideoInfo.start``);
            negative when the sound starts later.
    """

    path: Path
    codecs: tuple[str, ...]
    delay: Fraction = Fraction(0)


@dataclass
class VideoWriter:
    """Encode frames to a file; a context manager.

    ::

        with VideoWriter(path, width=w, height=h, rate=Fraction(50)) as writer:
            writer.write(pixels)

    ffmpeg runs from the start of the block to its end. Leaving the block waits until the file is
    complete; leaving it by an exception (also KeyboardInterrupt or a closed generator) kills ffmpeg
    and removes what there is of the file. :meth:`write` blocks while ffmpeg is busy, so no frames
    pile up.

    Attributes:
        path: the file to write; its extension, one of ``CONTAINERS``, decides the format. Missing
            folders are made, an existing file is replaced.
        width: px. An odd size gets its last column or row twice where the preset needs even ones.
        height: px.
        rate: frames per second; carried exactly as long as both terms are at most 1001000.
        preset: what to encode as, a name in ``PRESETS``.
        crf: quality, 0 (best) to 51 or 63 (worst), None for the preset's; for H.264, 6 less doubles
            the size, roughly.
        options: of the encoder, from ``parse_encoder_options``.
        has_alpha: frames are RGBA, and the preset is to keep it.
        depth: bits of a value in frames, 8 or 16.
        pixel_aspect: width / height of a displayed pixel.
        audio: where the sound comes from. It is neither cut nor stretched to the picture's length.
        metadata: tags of any length. Matroska keeps tag names in capitals only.
        notify: called with a sentence for each thing that could not be kept as it is.

    Raises:
        InputError: an option is wrong, the file cannot be written there, or not with this ffmpeg.
        FFmpegNotFoundError: there is no ffmpeg.
    """

    path: Path
    _: KW_ONLY
    width: int
    height: int
    rate: Fraction
    preset: str = DEFAULT_PRESET
    crf: int | None = None
    options: Mapping[str, str] | None = None
    has_alpha: bool = False
    depth: int = 8
    pixel_aspect: Fraction = Fraction(1)
    audio: AudioSource | None = None
    metadata: Mapping[str, str] | None = None
    notify: Callable[[str], None] | None = None

    _partial: Path = field(init=False, repr=False)
    _ffmpeg: str = field(init=False, repr=False)
    _container: Container = field(init=False, repr=False)
    _encoder: Encoder = field(init=False, repr=False)
    _num_frames: int = field(init=False, default=0, repr=False)
    _is_complete: bool = field(init=False, default=False, repr=False)
    _running: RunningFFmpeg | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.path = Path(self.path)
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._container = find_container(self.path)
        preset = find_preset(self.preset)
        self._check_options(preset)
        _require_writable(self.path, self._partial)
        # Tried out here, so that what does not work is known before frames are made for it.
        self._ffmpeg = find_ffmpeg()
        self._encoder = choose_encoder(
            self._ffmpeg, preset, crf=self.crf, options=self.options, has_alpha=self.has_alpha
        )

    def __enter__(self) -> VideoWriter:
        tags = _write_metadata(self._kept_tags) if self._kept_tags else None
        try:
            self._running = RunningFFmpeg(self._command(tags), tags)
        except BaseException:
            remove_file(tags)
            raise
        return self

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Hand one frame to ffmpeg.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA with ``has_alpha``; uint8, or uint16 in
                [0, 65535] with a ``depth`` of 16; not kept.

        Raises:
            ValueError: ``pixels`` is something else.
            EncodeError: ffmpeg has ended.
        """
        pixels = np.asarray(pixels)
        shape = (self.height, self.width, 4 if self.has_alpha else 3)
        kind = np.dtype(f"uint{self.depth}")
        if pixels.shape != shape or pixels.dtype != kind:
            raise ValueError(
                f"pixels must be {list(shape)} {kind}, got {list(pixels.shape)} {pixels.dtype}"
            )
        more_columns, more_rows = self._padding
        if more_columns or more_rows:
            pixels = np.pad(pixels, ((0, more_rows), (0, more_columns), (0, 0)), mode="edge")
        if self.depth > 8 and self._encoder.is_yuv:
            pixels = _for_swscale(pixels)
        running = self._require_running()
        try:
            running.stdin.write(np.ascontiguousarray(pixels).data)
        except OSError as error:  # a broken pipe; on Windows EINVAL
            raise self._failure(running) from error
        self._num_frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        running = self._require_running()
        self._running = None
        try:
            if error is None:
                self._finish(running)
        finally:  # also when the wait for ffmpeg is interrupted
            running.stop()
            if not self._is_complete:
                self._partial.unlink(missing_ok=True)

    def _finish(self, running: RunningFFmpeg) -> None:
        if self._num_frames == 0:
            raise EncodeError(
                f"{self.path}: expected at least one frame, got none. Check that the input has any."
            )
        try:
            running.stdin.close()
        except OSError as error:
            raise self._failure(running) from error
        if running.process.wait() != 0:
            raise self._failure(running)
        complaints = running.last_words()
        if complaints:
            logger.warning("%s: written, but ffmpeg says: %s", self.path, complaints)
        self._is_complete = True
        try:
            self._partial.replace(self.path)
        except OSError as error:  # on Windows: the old file is open in a player
            raise EncodeError(
                f"{self.path}: expected to replace it, got {error.strerror}. "
                f"The video is complete: rename {self._partial.name} yourself."
            ) from error

    def _failure(self, running: RunningFFmpeg) -> EncodeError:
        code = running.process.wait()
        return EncodeError(
            f"{self.path}: expected ffmpeg to write the video, got exit code {code} after "
            f"{self._num_frames} frames. Read why in ffmpeg's last words; is the disk full? "
            f"Command: {subprocess.list2cmdline(running.command)}\n{running.last_words()}"
        )

    def _require_running(self) -> RunningFFmpeg:
        if self._running is None:
            raise RuntimeError("VideoWriter: expected use inside a with block, got use outside.")
        return self._running

    @property
    def _padding(self) -> tuple[int, int]:
        """Columns and rows that are missing to whole blocks of pixels with one colour."""
        width, height = self._encoder.chroma_block
        return -self.width % width, -self.height % height

    @property
    def _kept_audio(self) -> AudioSource | None:
        return self.audio if self._container.audio_encoder else None

    @property
    def _kept_tags(self) -> Mapping[str, str]:
        return (self.metadata or {}) if self._container.holds_tags else {}

    def _check_options(self, preset: Preset) -> None:
        _require_fitting(self.path, preset)
        if self.width < 1 or self.height < 1:
            raise InputError(
                f"size: expected at least 1x1, got {self.width}x{self.height}. Check the input."
            )
        if self.rate <= 0:
            raise InputError(
                f"frame rate: expected more than 0, got {self.rate}. Give frames per second."
            )
        if preset.max_rate and self.rate > preset.max_rate:
            raise InputError(
                f"frame rate: expected at most {preset.max_rate} for the preset {preset.name}, "
                f"got {float(self.rate):g}. Choose another preset, or a lower rate."
            )
        for name, value in (self.metadata or {}).items():
            if "\0" in name + value:
                raise InputError(f"metadata {name!r}: expected text, got a NUL byte. Remove it.")

    def _command(self, tags: Path | None) -> list[str]:
        command = [self._ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        command += self._inputs()
        if tags is not None:
            # Inputs are numbered: the pipe, the sound if any, the tags.
            command += ["-f", "ffmetadata", "-i", file_url(tags)]
            command += ["-map_metadata", "1" if self._kept_audio is None else "2"]
        else:
            command += ["-map_metadata", "-1"]
            if self.metadata:
                self._tell(f"{self.path.suffix.lower()} files hold no tags: they are left out")
        command += self._video_options()
        command += self._audio_options()
        return command + self._file_options()

    def _inputs(self) -> list[str]:
        more_columns, more_rows = self._padding
        size = f"{self.width + more_columns}x{self.height + more_rows}"
        inputs = ["-f", "rawvideo", "-pixel_format", _PIPED[self.has_alpha, self.depth]]
        inputs += ["-video_size", size]
        inputs += ["-framerate", _ratio(self.rate), "-i", "pipe:0"]
        if self._kept_audio is not None:
            # The sound is moved, not the picture: ffmpeg rounds an offset to ticks of its input,
            # which for raw video are whole frames.
            inputs += ["-itsoffset", f"{float(-self._kept_audio.delay):.6f}"]
            inputs += ["-i", file_url(self._kept_audio.path)]
        return inputs

    def _video_options(self) -> list[str]:
        # max: without it the terms are cut down to 100 (128/117 would not survive).
        aspect = f"setsar=sar={_ratio(self.pixel_aspect)}:max=65535"
        encoder = self._encoder
        filters = encoder.filters or f"format={encoder.pixel_format}"
        if encoder.is_yuv:
            filters = f"{_TO_BT709},{filters},{_TAG_FRAMES}"
        options = ["-map", "0:v:0", "-vf", f"{filters},{aspect}", *encoder_arguments(encoder)]
        tag = self._container.codec_tags.get(encoder.codec)
        if tag:
            options += ["-tag:v", tag]
        return [*options, *_TAG_STREAM] if encoder.is_yuv else options

    def _audio_options(self) -> list[str]:
        if self.audio is None:
            return []
        container, suffix = self._container, self.path.suffix.lower()
        if container.audio_encoder is None:
            self._tell(f"sound: left out, {suffix} files hold none")
            return []
        options: list[str] = []
        kept = 0
        for track, codec in enumerate(self.audio.codecs):
            if codec == "unknown":
                self._tell(f"sound track {track + 1}: left out, ffmpeg does not know its codec")
                continue
            options += ["-map", f"1:a:{track}"]
            if codec in container.audio_codecs:
                options += [f"-c:a:{kept}", "copy"]
            else:
                options += [f"-c:a:{kept}", container.audio_encoder]
                options += [f"-b:a:{kept}", _AUDIO_BITRATE]
                if container.audio_filter:
                    options += [f"-filter:a:{kept}", container.audio_filter]
                self._tell(
                    f"sound track {track + 1}: {codec} does not go into {suffix} files, "
                    f"re-encoded to {_AUDIO_NAMES[container.audio_encoder]} at {_AUDIO_BITRATE}"
                )
            kept += 1
        return options

    def _file_options(self) -> list[str]:
        container = self._container
        movflags = container.movflags
        if movflags and self.metadata:
            movflags += ("+use_metadata_tags",)  # or mp4 keeps a handful of known names only
        options = [*container.options]
        if movflags:
            options += ["-movflags", "".join(movflags)]
        if self._kept_audio is not None and self._kept_audio.delay > _ENCODER_SILENCE:
            options += ["-avoid_negative_ts", "make_zero"]
        return [*options, "-f", container.muxer, file_url(self._partial)]

    def _tell(self, message: str) -> None:
        if self.notify is not None:
            self.notify(message)


def _for_swscale(pixels: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.uint16]:
    """Scale colours, not alpha, from [0, 65535] to what swscale makes YUV of.

    It multiplies 16 bits by the matrix for 8 bits, so that white is 255 * 256. Measured on 41 greys
    in 10 bits (ffmpeg 9.0): as they are, they come out up to 3.5 code values too light, with this
    within 0.5.
    """
    scaled = pixels.astype(np.uint16)
    scaled[..., :3] -= scaled[..., :3] >> 8
    return scaled


def _require_fitting(path: Path, preset: Preset) -> None:
    suffix = path.suffix.lower()
    if suffix not in preset.suffixes:
        fitting = [other.name for other in PRESETS.values() if suffix in other.suffixes]
        raise InputError(
            f"{path}: expected a name that ends in {' or '.join(preset.suffixes)} for the preset "
            f"{preset.name}, got {suffix}. Rename it, or choose a preset for {suffix}: "
            f"{', '.join(fitting)}."
        )


def _require_writable(path: Path, partial: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: expected a file to write, got a folder. Add a file name.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.open("wb").close()
        partial.unlink()
    except OSError as error:
        raise InputError(
            f"{path}: expected a place that can be written to, got {error.strerror} "
            f"({error.filename}). Choose another folder or change its permissions."
        ) from error


def _write_metadata(metadata: Mapping[str, str]) -> Path:
    """Write tags to a temporary file in ffmpeg's own form; a command line has a maximum length.

    Format: https://ffmpeg.org/ffmpeg-formats.html#Metadata-2
    """
    lines = [f"{_escape(name)}={_escape(value)}\n" for name, value in metadata.items()]
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", suffix=".ffmetadata", delete=False
    ) as file:
        file.write(";FFMETADATA1\n")
        file.writelines(lines)
    return Path(file.name)


def _escape(text: str) -> str:
    return re.sub(r"([=;#\\\n\r])", r"\\\1", text)


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
