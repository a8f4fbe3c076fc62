"""Write a video: start ffmpeg and feed it frames through a pipe.

The output is H.264 in 4:2:0 with the BT.709 matrix, limited range, and says so in its tags; without
tags a player guesses from the size, and half of them guess differently. The file is written under a
temporary name and takes its own when ffmpeg has succeeded, so a file that is there is complete.
"""

from __future__ import annotations

import logging
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from .containers import find_container
from .errors import EncodeError, InputError
from .ffmpeg import RunningFFmpeg, file_url, find_ffmpeg, remove_file

logger = logging.getLogger(__name__)

PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
MAX_CRF = 51

_AUDIO_BITRATE = "192k"
# A player cuts off sound that begins before the picture (mp4) when there is little of it, which is
# right for the silence an audio encoder puts in front. More than this is sound to be kept.
_ENCODER_SILENCE = Fraction(1, 10)

# Measured on 12 flat colours with three versions of ffmpeg (4.2, 7.0, 9.0): with these flags RGB
# returns within 1 code value, without them within 2.
_TO_BT709 = (
    "scale=in_range=pc:out_range=tv:out_color_matrix=bt709"
    ":flags=accurate_rnd+full_chroma_int+bicubic,format=yuv420p"
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
        width: px. An odd size gets its last column or row twice: 4:2:0 has even sizes only.
        height: px.
        rate: frames per second; carried exactly as long as both terms are at most 1001000.
        crf: quality, 0 (lossless) to 51 (worst); 6 less doubles the size, roughly.
        preset: speed of libx264, one of ``PRESETS``.
        pixel_aspect: width / height of a displayed pixel.
        audio: where the sound comes from. It is neither cut nor stretched to the picture's length.
        metadata: tags of any length. Matroska keeps tag names in capitals only.
        notify: called with a sentence for each sound track that could not be kept as it is.

    Raises:
        InputError: an option is wrong, or the file cannot be written there.
    """

    path: Path
    _: KW_ONLY
    width: int
    height: int
    rate: Fraction
    crf: int = 20
    preset: str = "medium"
    pixel_aspect: Fraction = Fraction(1)
    audio: AudioSource | None = None
    metadata: Mapping[str, str] | None = None
    notify: Callable[[str], None] | None = None

    _partial: Path = field(init=False, repr=False)
    _num_frames: int = field(init=False, default=0, repr=False)
    _is_complete: bool = field(init=False, default=False, repr=False)
    _running: RunningFFmpeg | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.path = Path(self.path)
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._check_options()
        _require_writable(self.path, self._partial)

    def __enter__(self) -> VideoWriter:
        ffmpeg = find_ffmpeg()
        tags = _write_metadata(self.metadata) if self.metadata else None
        try:
            self._running = RunningFFmpeg(self._command(ffmpeg, tags), tags)
        except BaseException:
            remove_file(tags)
            raise
        return self

    def write(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Hand one frame to ffmpeg.

        Args:
            pixels: [H, W, 3] uint8 RGB; not kept.

        Raises:
            ValueError: ``pixels`` is not [height, width, 3] uint8.
            EncodeError: ffmpeg has ended.
        """
        pixels = np.asarray(pixels)
        if pixels.shape != (self.height, self.width, 3) or pixels.dtype != np.uint8:
            raise ValueError(
                f"pixels must be [{self.height}, {self.width}, 3] uint8, "
                f"got {list(pixels.shape)} {pixels.dtype}"
            )
        if self.width % 2 or self.height % 2:
            pixels = np.pad(
                pixels, ((0, self.height % 2), (0, self.width % 2), (0, 0)), mode="edge"
            )
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

    def _check_options(self) -> None:
        find_container(self.path)
        if self.width < 1 or self.height < 1:
            raise InputError(
                f"size: expected at least 1x1, got {self.width}x{self.height}. Check the input."
            )
        if self.rate <= 0:
            raise InputError(
                f"frame rate: expected more than 0, got {self.rate}. Give frames per second."
            )
        if not 0 <= self.crf <= MAX_CRF:
            raise InputError(
                f"crf: expected 0 to {MAX_CRF}, got {self.crf}. 20 is high quality, 28 is small."
            )
        if self.preset not in PRESETS:
            raise InputError(
                f"preset: expected one of {', '.join(PRESETS)}, got {self.preset!r}. "
                "medium is a good default."
            )
        for name, value in (self.metadata or {}).items():
            if "\0" in name + value:
                raise InputError(f"metadata {name!r}: expected text, got a NUL byte. Remove it.")

    def _command(self, ffmpeg: str, tags: Path | None) -> list[str]:
        command = [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
        command += self._inputs()
        if tags is not None:
            # Inputs are numbered: the pipe, the sound if any, the tags.
            command += ["-f", "ffmetadata", "-i", file_url(tags)]
            command += ["-map_metadata", "1" if self.audio is None else "2"]
        else:
            command += ["-map_metadata", "-1"]
        command += self._video_options()
        command += self._audio_options()
        return command + self._file_options()

    def _inputs(self) -> list[str]:
        width, height = self.width + self.width % 2, self.height + self.height % 2
        inputs = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}"]
        inputs += ["-framerate", _ratio(self.rate), "-i", "pipe:0"]
        if self.audio is not None:
            # The sound is moved, not the picture: ffmpeg rounds an offset to ticks of its input,
            # which for raw video are whole frames.
            inputs += ["-itsoffset", f"{float(-self.audio.delay):.6f}"]
            inputs += ["-i", file_url(self.audio.path)]
        return inputs

    def _video_options(self) -> list[str]:
        # max: without it the terms are cut down to 100 (128/117 would not survive).
        aspect = f"setsar=sar={_ratio(self.pixel_aspect)}:max=65535"
        options = ["-map", "0:v:0", "-vf", f"{_TO_BT709},{_TAG_FRAMES},{aspect}"]
        options += ["-c:v", "libx264", "-preset", self.preset, "-crf", str(self.crf)]
        return [*options, *_TAG_STREAM]

    def _audio_options(self) -> list[str]:
        if self.audio is None:
            return []
        holds = find_container(self.path).audio_codecs
        options: list[str] = []
        kept = 0
        for track, codec in enumerate(self.audio.codecs):
            if codec == "unknown":
                self._tell(f"sound track {track + 1}: left out, ffmpeg does not know its codec")
                continue
            options += ["-map", f"1:a:{track}"]
            if codec in holds:
                options += [f"-c:a:{kept}", "copy"]
            else:
                options += [f"-c:a:{kept}", "aac", f"-b:a:{kept}", _AUDIO_BITRATE]
                self._tell(
                    f"sound track {track + 1}: {codec} does not go into "
                    f"{self.path.suffix.lower()} files, re-encoded to AAC at {_AUDIO_BITRATE}"
                )
            kept += 1
        return options

    def _file_options(self) -> list[str]:
        container = find_container(self.path)
        movflags = container.movflags
        if movflags and self.metadata:
            movflags += ("+use_metadata_tags",)  # or mp4 keeps a handful of known names only
        options = [*container.options]
        if movflags:
            options += ["-movflags", "".join(movflags)]
        if self.audio is not None and self.audio.delay > _ENCODER_SILENCE:
            options += ["-avoid_negative_ts", "make_zero"]
        return [*options, "-f", container.muxer, file_url(self._partial)]

    def _tell(self, message: str) -> None:
        if self.notify is not None:
            self.notify(message)


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
