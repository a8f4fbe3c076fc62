"""Fill a cache with the samples of a folder of clips, or find that it is filled already.

Each clip has a folder in the cache, named after all that decides what is in it: the clip's path, size
and time of change, and the options. It gets this name once all of it is written, so what was
interrupted goes on with the clip it was at, and a clip that was changed is cut again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from random import Random

from vfi.errors import InputError, VfiError, advice_on
from vfi.write import only_writer, write_whole

from .bins import FairShare
from .crops import Crop, cut, num_places
from .find import search
from .held_out import hold_out
from .manifest import NAME, Manifest, Sample, as_json, from_json, make_manifest, write_manifest
from .options import CutOptions
from .store import write_frames
from .windows import Windows, open_clip, side_of

_RULES = 1  # counted up whenever the same clip is cut in another way
_RECORD = "clip.json"
_OWN_FOLDER = re.compile(r"[0-9a-f]{24}(\.partial)?")
_MOST_NAMED = 10  # reasons in a message


class _RefusedError(Exception):
    """A clip cannot be used. What goes wrong when the cache is written is another matter."""


def prepare(
    folder: Path,
    cache: Path,
    options: CutOptions,
    notify: Callable[[str], object],
    on_clip: Callable[[int, int], object],
) -> Manifest:
    """Cut the clips of a folder into samples, as far as an earlier call has not done it.

    Each clip is read once, from its first frame to its last; about 40 of its frames are in memory.

    Args:
        folder: of the user, searched with all folders below it.
        cache: a folder for the samples, which is made; one for each set of options and clips, as what
            other ones have left there is removed.
        options: how to cut.
        notify: called with a sentence for each clip that cannot be used.
        on_clip: called after each clip with how many are done, and how many there are.

    Returns:
        What is in the cache now; at least one sample is there to train on.

    Raises:
        InputError: there is no such folder, nothing in it can be used (the message lists why), the
            cache cannot be written, or another run is filling it.
    """
    found = search(folder, cache)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with only_writer(cache / NAME):
            work = _Preparation(folder, cache, options, notify)
            for path, why in found.passed_over:
                work.refuse(path, why)
            for done, path in enumerate(found.clips, 1):
                work.take(path)
                on_clip(done, len(found.clips))
            return work.finish()
    except OSError as error:
        raise InputError(
            f"{cache}: samples cannot be written there ({error.strerror}). {advice_on(error)}"
        ) from error


class _Preparation:
    """One call of :func:`prepare`."""

    def __init__(
        self, folder: Path, cache: Path, options: CutOptions, notify: Callable[[str], object]
    ) -> None:
        self._folder, self._cache, self._options, self._notify = folder, cache, options, notify
        self._clips: dict[str, list[Sample]] = {}
        self._refused: list[tuple[str, str]] = []
        self._used: set[str] = set()  # folders in the cache

    def take(self, path: Path) -> None:
        """Cut a clip, unless that is done, or note why it cannot be used."""
        name = self._name(path)
        try:
            key = _key(name, path, self._options)
            home = self._cache / key
            samples = _read_record(home)
            if samples is None:
                samples = _cut_clip(path, name, home, self._options)
        except _RefusedError as error:
            self.refuse(path, str(error))
            return
        self._used.add(key)
        self._clips[name] = samples

    def refuse(self, path: Path, why: str) -> None:
        """Note that a clip cannot be used."""
        why = why.encode("utf-8", "backslashreplace").decode()  # names need not be UTF-8
        self._refused.append((self._name(path), why))
        self._notify(f"note: left out: {why}")

    def finish(self) -> Manifest:
        """Write the manifest, and remove what it does not name."""
        if not self._clips:
            raise self._nothing()
        manifest = make_manifest(hold_out(self._clips, self._options), self._refused, self._options)
        write_manifest(self._cache, manifest, self._options)
        for path in self._cache.iterdir():
            if _OWN_FOLDER.fullmatch(path.name) and path.name not in self._used:
                shutil.rmtree(path)
        return manifest

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _nothing(self) -> InputError:
        if not self._refused:
            return InputError(
                f"{self._folder}: there is no clip in this folder or below it. Put videos there, or "
                "folders of three or more numbered pictures."
            )
        reasons = [why for _, why in self._refused]
        more = len(reasons) - _MOST_NAMED
        shown = "".join(f"\n- {why}" for why in reasons[:_MOST_NAMED])
        rest = f"\n- and {more} more" if more > 0 else ""
        return InputError(
            f"{self._folder}: none of its {len(reasons)} clips can be trained on:{shown}{rest}\n"
            "Add clips of three or more frames that move."
        )


def _key(name: str, path: Path, options: CutOptions) -> str:
    """Name what is cut of a clip after all that decides it; held out is decided later."""
    try:
        # A folder of pictures: whatever is in it, as the reader decides what it takes.
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [(file.name, file.stat()) for file in files]
    except OSError as error:
        raise _RefusedError(f"{path} cannot be read ({error.strerror}).") from error
    identity = [(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats]
    text = json.dumps([_RULES, asdict(replace(options, held_out=0)), name, identity])
    return sha256(text.encode()).hexdigest()[:24]


def _read_record(home: Path) -> list[Sample] | None:
    """Return what was cut of a clip earlier; None if that is not there, or not all of it."""
    try:
        samples = [from_json(each) for each in json.loads((home / _RECORD).read_bytes())]
        sizes = [(home.parent / sample.file).stat().st_size for sample in samples]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # it is cut again
    is_whole = sizes == [sample.num_bytes for sample in samples]
    return samples if is_whole else None


def _cut_clip(path: Path, name: str, home: Path, options: CutOptions) -> list[Sample]:
    """Cut a clip into a folder of its own, which has its name once all is there."""
    partial = home.with_name(f"{home.name}.partial")
    for leftover in (partial, home):
        if leftover.exists():
            shutil.rmtree(leftover)
    partial.mkdir()
    try:
        samples = _write_samples(path, name, partial, home.name, options)
        write_whole(partial / _RECORD, json.dumps([as_json(each) for each in samples]).encode())
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    os.replace(partial, home)  # noqa: PTH105  a folder
    return samples


def _write_samples(
    path: Path, name: str, folder: Path, home: str, options: CutOptions
) -> list[Sample]:
    rng = Random(f"{options.seed}/{name.encode('utf-8', 'surrogateescape')!r}")
    share = FairShare(options.most_per_clip)
    kept: dict[int, Sample] = {}
    with closing(_crops(path, options, rng)) as crops:
        for number, crop in enumerate(crops):
            given_up = share.offer(number, crop.motion, rng.random())
            if given_up == number:
                continue
            if given_up is not None:
                (folder / Path(kept.pop(given_up).file).name).unlink()
            file = f"{number:06}.png"
            size, digest = write_frames(folder / file, crop.pixels)
            kept[number] = Sample(
                file=f"{home}/{file}",
                clip=name,
                times=crop.times,
                motion=crop.motion,
                held_out=False,
                side=crop.pixels.shape[1],
                num_bytes=size,
                digest=digest,
            )
    return [kept[number] for number in sorted(kept)]


def _crops(path: Path, options: CutOptions, rng: Random) -> Generator[Crop, None, None]:
    """Yield all that can be cut of a clip; only what is wrong with the clip is its refusal."""
    try:
        clip = open_clip(path)
        windows = Windows(clip, options.span)
        side = side_of(clip, options.size)
        places = num_places(clip.height, clip.width, side, options.most_per_clip, windows.expected)
        num_crops = 0
        for window in windows:
            for crop in cut(window, side, places, rng):
                num_crops += 1
                yield crop
        if not num_crops:
            raise _RefusedError(windows.why_none())
    except (VfiError, OSError) as error:
        raise _RefusedError(str(error)) from error
