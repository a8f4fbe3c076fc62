"""Write a video: frames go to ffmpeg through a pipe, and a file comes out.

In two stages: pictures are encoded into parts (``parts``), then the parts are joined, and what comes
along with them is added (``joining``). GIF and WebP, which hold nothing but pictures, are written
at once. The file is written under a temporary name and takes its own when ffmpeg has succeeded, so a
file that is there is complete.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..encode import (
    DEFAULT_PRESET,
    PRESETS,
    QUIET,
    Container,
    PictureFormat,
    Preset,
    RunningFFmpeg,
    choose_encoder,
    ffmpeg_version,
    file_url,
    find_container,
    find_ffmpeg,
    find_preset,
)
from ..errors import EncodeError, InputError
from ..tracks import SourceTracks
from .lock import only_writer, require_writable
from .mux import Joining
from .segments import PART_LENGTH, PartEncoder, PartsFolder

logger = logging.getLogger(__name__)


@dataclass
class VideoWriter:
    """Encode frames to a file; a context manager.

    ::

        with VideoWriter(path, width=w, height=h, rate=Fraction(50)) as writer:
            writer.write(pixels)

    Leaving the block waits until the file is complete; leaving it by an exception (also
    KeyboardInterrupt or a closed generator) ends ffmpeg and removes what there is of the file.
    :meth:`write` blocks while ffmpeg is busy, so no frames pile up.

    With a ``job``, parts that are finished outlive an exception or a crash. A new writer for the
    same job finds them::

        writer = VideoWriter(path, ..., job="...")
        writer.begin_at(writer.num_finished)
        with writer:
            ...  # write the frames from that number on

    Attributes:
        path: the file to write; its extension, one of ``CONTAINERS``, decides the format. Missing
            folders are made, an existing file is replaced.
        width: px. An odd size gets its last column or row twice where the preset needs even ones.
        height: px.
        rate: frames per second; carried exactly as long as both terms are at most 1001000.
        preset: what to encode as, a name in ``PRESETS``.
        crf: quality, 0 (best) to 51 or 63 (worst), None for the preset's; for H.264, 6 less doubles
            the size, roughly.
        speed: of the encoder, one of ``SPEEDS``: None for the preset's.
        options: of the encoder, from ``parse_encoder_options``.
        has_alpha: frames are RGBA, and the preset is to keep it.
        depth: bits of a value in frames, 8 or 16.
        pixel_aspect: width / height of a displayed pixel.
        tracks: what comes along. It is not stretched or cut to the picture's length.
        metadata: tags of any length; they win over those of ``tracks``. Matroska keeps tag names in
            capitals only.
        notify: called with a sentence for each thing that could not be kept as it is.
        check: called now and then while the block's end waits for ffmpeg; what it raises leaves the
            block as an exception within it does.
        job: everything that decides the frames, as a hash; None: nothing outlives a failure.
        parts: the folder for parts; None: ``path`` with ".parts" added.
        part_length: frames in a part. Key frames, and so the file, depend on it.

    Raises:
        InputError: an option is wrong, the file cannot be written there or not with this ffmpeg, or
            another run writes it at the moment.
        FFmpegNotFoundError: there is no ffmpeg.
    """

    path: Path
    _: KW_ONLY
    width: int
    height: int
    rate: Fraction
    preset: str = DEFAULT_PRESET
    crf: int | None = None
    speed: str | None = None
    options: Mapping[str, str] | None = None
    has_alpha: bool = False
    depth: int = 8
    pixel_aspect: Fraction = Fraction(1)
    tracks: SourceTracks | None = None
    metadata: Mapping[str, str] | None = None
    notify: Callable[[str], None] | None = None
    check: Callable[[], object] | None = None
    job: str | None = None
    parts: Path | None = None
    part_length: int = PART_LENGTH

    _partial: Path = field(init=False, repr=False)
    _ffmpeg: str = field(init=False, repr=False)
    _container: Container = field(init=False, repr=False)
    _pictures: PictureFormat = field(init=False, repr=False)
    _folder: PartsFolder | None = field(init=False, default=None, repr=False)
    _joining: Joining = field(init=False, repr=False)
    _first: int = field(init=False, default=0, repr=False)
    _num_written: int = field(init=False, default=0, repr=False)
    _is_complete: bool = field(init=False, default=False, repr=False)
    _locks: ExitStack = field(init=False, default_factory=ExitStack, repr=False)
    _running: RunningFFmpeg | PartEncoder | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        self.path = Path(self.path)
        self._partial = self.path.with_name(self.path.name + ".partial")
        self._container = find_container(self.path)
        preset = find_preset(self.preset)
        self._check_options(preset)
        if self.path.is_dir():
            raise InputError(
                f"{self.path}: expected a file to write, got a folder. Add a file name."
            )
        for target in {self.path, self._locked}:
            require_writable(target)
        # Tried out here, so that what does not work is known before frames are made for it.
        self._ffmpeg = str(Path(find_ffmpeg()).absolute())
        encoder = choose_encoder(
            self._ffmpeg,
            preset,
            crf=self.crf,
            speed=self.speed,
            options=self.options,
            has_alpha=self.has_alpha,
        )
        self._pictures = PictureFormat(
            self.width,
            self.height,
            self.rate,
            self.pixel_aspect,
            self.has_alpha,
            self.depth,
            encoder,
        )
        self._joining = Joining(
            self._ffmpeg,
            self.path,
            self._container,
            encoder.codec,
            self.rate,
            self.tracks,
            self.metadata or {},
        )
        if not self._container.is_pictures_only:
            self._folder = PartsFolder(
                self.parts or self.path.with_name(self.path.name + ".parts"),
                self._pictures.part_suffix,
                self.part_length,
                self._job_of_parts(),
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the video, px."""
        return self._pictures.coded_size

    @property
    def num_finished(self) -> int:
        """How many frames, from number 0 on, earlier runs of the job have finished."""
        return self._folder.num_finished if self._folder else 0

    @property
    def is_whole(self) -> bool:
        """Whether these are all frames of the video, so that none need be written."""
        return self._folder is not None and self._folder.is_whole

    def begin_at(self, number: int) -> None:
        """Say before the block which frame is written first; parts after it are made anew.

        Args:
            number: a multiple of ``part_length``, at most :attr:`num_finished`; or that itself
                where the video :attr:`is_whole`.

        Raises:
            ValueError: a part does not begin there.
        """
        is_end = self.is_whole and number == self.num_finished
        if not (0 <= number <= self.num_finished and (number % self.part_length == 0 or is_end)):
            raise ValueError(
                f"number must be a multiple of {self.part_length} up to {self.num_finished}, "
                f"got {number}"
            )
        self._first = number

    def __enter__(self) -> VideoWriter:
        if self.metadata and not self._container.holds_tags:
            self._tell(f"{self.path.suffix.lower()} files hold no tags: they are left out")
        self._joining.plan(self._tell)
        with ExitStack() as locks:
            locks.enter_context(only_writer(self._locked))
            self._start()
            self._locks = locks.pop_all()
        return self

    def _start(self) -> None:
        if self._folder:
            self._folder.begin(self._first)
            self._running = PartEncoder(self._folder, self._first, self._part_command, self.path)
        else:
            command = [*self._command(), *self._container.options]
            command += ["-f", self._container.muxer, file_url(self._partial)]
            self._running = RunningFFmpeg(command, self.path)

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Hand one frame to ffmpeg.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA with ``has_alpha``; uint8, or uint16 in
                [0, 65535] with a ``depth`` of 16; not kept.

        Raises:
            ValueError: ``pixels`` is something else.
            EncodeError: ffmpeg has ended.
        """
        self._require_running().write(self._pictures.to_bytes(pixels))
        self._num_written += 1

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
            try:
                running.stop()
            finally:
                with self._locks:
                    self._clean_up()

    def _finish(self, running: RunningFFmpeg | PartEncoder) -> None:
        if self._first + self._num_written == 0:
            raise EncodeError(
                f"{self.path}: expected at least one frame, got none. Check that the input has any."
            )
        running.finish(self.check)
        if self._folder:
            self._folder.complete()
            self._join(self._folder)
        self._is_complete = True
        try:
            self._partial.replace(self.path)
        except OSError as error:  # on Windows: the old file is open in a player
            raise EncodeError(
                f"{self.path}: expected to replace it, got {error.strerror}. "
                f"The video is complete: rename {self._partial.name} yourself."
            ) from error

    def _join(self, folder: PartsFolder) -> None:
        running = self._joining.start(folder, self._partial)
        try:
            running.finish(self.check)
        finally:
            running.stop()

    def _clean_up(self) -> None:
        try:
            if not self._is_complete:
                self._partial.unlink(missing_ok=True)
            if self._folder and self._is_complete:
                self._folder.remove()
            elif self._folder:
                self._folder.leave()
        except OSError as error:  # on Windows: a virus scanner has one of the files open
            logger.warning("%s: could not be removed: %s", error.filename, error.strerror)

    def _require_running(self) -> RunningFFmpeg | PartEncoder:
        if self._running is None:
            raise RuntimeError("VideoWriter: expected use inside a with block, got use outside.")
        return self._running

    @property
    def _locked(self) -> Path:
        """What no other run may write meanwhile; who names the parts has a new name for the file."""
        return self.parts or self.path

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

    def _command(self, first: int = 0) -> list[str]:
        """Return how pictures are encoded, but for the file."""
        pictures = self._pictures
        offset = pictures.offset_options(first)
        return [
            *(self._ffmpeg, *QUIET, *offset, *pictures.input_options(), *pictures.output_options())
        ]

    def _part_command(self, first: int, path: Path) -> list[str]:
        return [*self._command(first), "-f", self._pictures.part_format, file_url(path)]

    def _job_of_parts(self) -> str | None:
        """Return all that decides what is in the parts, as a hash."""
        if self.job is None:
            return None
        decisive = [self.job, self.part_length, ffmpeg_version(self._ffmpeg), self._command()]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    def _tell(self, message: str) -> None:
        if self.notify is not None:
            self.notify(message)


def _require_fitting(path: Path, preset: Preset) -> None:
    suffix = path.suffix.lower()
    if suffix not in preset.suffixes:
        fitting = [other.name for other in PRESETS.values() if suffix in other.suffixes]
        raise InputError(
            f"{path}: expected a name that ends in {' or '.join(preset.suffixes)} for the preset "
            f"{preset.name}, got {suffix}. Rename it, or choose a preset for {suffix}: "
            f"{', '.join(fitting)}."
        )
