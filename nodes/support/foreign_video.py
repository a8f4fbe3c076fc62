"""A VIDEO of a class that is not ComfyUI's own, read through its public methods.

It is trimmed to one short window after the other, and whatever frames and sound a window holds are
its next ones. A first round counts them, collects the sound and identifies the content.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import floor
from pathlib import Path
from typing import Any

import torch
from comfy_api.latest import Input
from torch import Tensor

from ...vfi.errors import InputError
from ...vfi.frames import Frame
from ...vfi.read import Clip
from ...vfi.timing import MOST_FRAMES
from ...vfi.tracks import SourceTracks
from ...vfi.write import WavFile, wav_tracks
from .edited_video import copies, images_of, window_size
from .progress import check_cancelled
from .sound import Sound, read_audio_input
from .video_object import bit_depth_of, call, components_of, duration_of, frame_rate_of

# Windows end at odd multiples of this, seconds. Floats hold those, their sums and their differences
# exactly, and no time base in use has a frame there: however a class rounds, each frame is in one
# window.
_TICK = Fraction(1, 1 << 20)

# Samples of a window that a class leaves out because it rounds its start and its length. The last one
# is held: silence would be heard as a click.
_ROUNDED_AWAY = 2


def can_be_trimmed(video: Input.Video) -> bool:
    """Tell whether a VIDEO gives parts of itself.

    Some classes trim by encoding themselves to a file, of which they then give a part: that would
    be done for every window, and changes the frames.
    """
    try:
        return isinstance(call(video, "as_trimmed", 0.0, 0.001, False), type(video))
    except InputError:  # a class has to have the method, and may not support it
        return False


@contextmanager
def open_foreign(
    video: Input.Video, *, alpha: bool, notify: Callable[[str], object]
) -> Generator[Clip, None, None]:
    """Open a VIDEO of any class as a clip; about one window of frames is alive at a time.

    Args:
        video: the VIDEO.
        alpha: keep transparency, if there is any.
        notify: called with a phrase where there is no sound in its audio, or some of it is lost.

    Raises:
        InputError: it has no frames, or windows of it do not fit together.
    """
    source = _Source(video, frame_rate_of(video), duration_of(video), alpha)
    if source.duration * source.rate > MOST_FRAMES:
        raise InputError(
            f"video: it says that it is {float(source.duration):g} s long, more than {MOST_FRAMES} "
            "frames. Check the node that it comes from."
        )
    with tempfile.TemporaryDirectory() as folder:
        found = source.survey(Path(folder) / "audio.wav", notify)
        yield Clip(
            name="video in memory",
            identity=found.digest,
            frames=partial(source.frames, found.size),
            width=found.width,
            height=found.height,
            rate=source.rate,
            num_frames=found.count,
            bit_depth=bit_depth_of(video),
            has_alpha=found.channels == 4,
            tracks=found.tracks,
        )


@dataclass(frozen=True)
class _Found:
    """What the first round has found; ``size`` is the number of frames in a window."""

    digest: str
    size: int
    count: int
    height: int
    width: int
    channels: int
    tracks: SourceTracks | None


@dataclass(frozen=True)
class _Source:
    """What :func:`open_foreign` reads; ``duration`` is in seconds."""

    video: Input.Video
    rate: Fraction
    duration: Fraction
    alpha: bool

    def frames(self, size: int) -> Generator[Frame, None, None]:
        """Yield the frames, ``size`` of them read at a time."""
        count = 0
        for start, end in self._edges(size):
            for pixels in copies(self._read(start, end)[0]):
                yield Frame(pixels, count / self.rate)
                count += 1

    def survey(self, sound_path: Path, notify: Callable[[str], object]) -> _Found:
        """Look at every window once, and write the sound."""
        with closing(self.frames(1)) as frames:
            first = next(frames, None)
        if first is None:
            raise InputError("video: it has no frames. Check where it comes from.")
        shape, size = first.pixels.shape, window_size(first.pixels)
        digest = hashlib.sha256(repr((self.rate, shape)).encode())
        count = 0
        notes: list[str] = []
        end_of_sound = round(self.duration * self.rate) / self.rate
        with _Sound(sound_path) as sound:
            for start, end in self._edges(size):
                images, audio = self._read(start, end)
                _digest(images, shape, digest)
                heard = read_audio_input(audio, "video: its sound", notes.append)
                sound.add(heard, start, min(end, end_of_sound))
                count += len(images)
                del images, audio, heard  # or there would be two windows while the next one is made
            sound.pad(count / self.rate)
        for note in notes[:1]:  # every window may have one
            notify(note)
        return _Found(digest.hexdigest(), size, count, *shape, tracks=sound.tracks)

    def _read(self, start: Fraction, end: Fraction) -> tuple[Tensor, Any]:
        """Return images and AUDIO of a window."""
        check_cancelled()
        part = call(self.video, "as_trimmed", float(start), float(end - start), False)
        if part is None:
            raise InputError(
                f"video: its class, {type(self.video).__name__}, gives nothing between "
                f"{float(start):.3f} s and {float(end):.3f} s of {float(self.duration):.3f} s. Save "
                "it with Save Video, and load that file."
            )
        components = components_of(part)
        if not len(components.images):  # then neither has a mask the shape of anything
            return components.images, components.audio
        return images_of(components, alpha=self.alpha), components.audio

    def _edges(self, size: int) -> Iterator[tuple[Fraction, Fraction]]:
        """Yield start and end of each window, half-way between frames of a constant rate."""
        start, number = Fraction(0), 0
        last = floor(self.duration / _TICK) * _TICK
        while start < last:
            number += size
            middle = (number - Fraction(1, 2)) / self.rate
            end = min((2 * floor(middle / _TICK / 2) + 1) * _TICK, last)
            yield start, end
            start = end


def _digest(images: Tensor, shape: torch.Size, digest: Any) -> None:
    if len(images) and images.shape[1:] != shape:
        raise InputError(
            f"video: its frames change from {shape[1]}x{shape[0]} to "
            f"{images.shape[2]}x{images.shape[1]}. Resize its parts to one size."
        )
    for pixels in images:
        digest.update(pixels.contiguous().cpu().numpy().data)


@dataclass
class _Sound:
    """A WAV file with the sound of the windows, each at its time; a context manager.

    The file is made with the first window that has sound.
    """

    path: Path
    _stack: ExitStack = field(default_factory=ExitStack)
    _file: WavFile | None = None
    _rate: int = 0
    _last: Tensor = field(default_factory=lambda: torch.zeros(0, 1))  # [C, 1]
    _num_written: int = 0

    @property
    def tracks(self) -> SourceTracks | None:
        """What comes along with the picture."""
        return wav_tracks(self.path) if self._file else None

    def __enter__(self) -> _Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, sound: Sound | None, start: Fraction, end: Fraction) -> None:
        """Write what belongs between two times; the places of samples are rounded, never summed."""
        if sound is None:
            return
        waveform = sound.waveform
        kind = (sound.sample_rate, len(waveform))
        if self._file is None:
            self._rate, self._last = kind[0], torch.zeros(kind[1], 1)
            self._file = self._stack.enter_context(WavFile(self.path, kind[1], kind[0]))
        if kind != (self._rate, len(self._last)):
            raise InputError(
                f"video: its sound changes from {self._rate} Hz with {len(self._last)} channels to "
                f"{kind[0]} Hz with {kind[1]}. Convert its parts to one kind of sound."
            )
        self.pad(start)
        self._write(waveform[:, : max(0, round(end * self._rate) - self._num_written)])

    def pad(self, end: Fraction) -> None:
        """Write silence up to a time, if there is sound at all."""
        while self._file and (missing := round(end * self._rate) - self._num_written) > 0:
            if missing <= _ROUNDED_AWAY:
                self._write(self._last.repeat(1, missing))
            else:
                self._write(torch.zeros(len(self._last), min(missing, self._rate)))

    def _write(self, samples: Tensor) -> None:
        assert self._file
        self._file.write(samples)
        self._num_written += samples.shape[1]
        self._last = samples[:, -1:].clone() if samples.shape[1] else self._last
