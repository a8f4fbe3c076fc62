"""What was cut: the samples, the clips that gave none, and what tells this selection from any other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import Any

from vfi.errors import InputError
from vfi.write import write_whole

from .options import CutOptions

NAME = "manifest.json"


@dataclass(frozen=True)
class Sample:
    """A short run of frames, cut out at one place.

    Attributes:
        file: name in the cache.
        clip: path of its clip in the user's folder, with slashes.
        times: of its frames in the clip, s, strictly increasing; three at least, all different.
        motion: apparent motion from frame to frame, px, the mean of its steps.
        held_out: kept from training, to measure by.
        side: of its frames, px.
        num_bytes: of its file.
        digest: SHA-256 of its pixels.
    """

    file: str
    clip: str
    times: tuple[Fraction, ...]
    motion: float
    held_out: bool
    side: int
    num_bytes: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What a folder of clips was cut into.

    Attributes:
        samples: by clip, then by time.
        refused: clip -> why nothing of it is used.
        digest: SHA-256 of all that decides what is trained on: the options, the names of the clips, the
            times, and the pixels. Copying or touching a clip does not change it.
    """

    samples: tuple[Sample, ...]
    refused: tuple[tuple[str, str], ...]
    digest: str


def make_manifest(
    samples: Sequence[Sample], refused: Sequence[tuple[str, str]], options: CutOptions
) -> Manifest:
    """Put a manifest together."""
    # Not the names and sizes of files in the cache: these depend on when a clip was changed last, and
    # on the version of zlib.
    decisive = [
        {name: value for name, value in as_json(each).items() if name not in ("file", "num_bytes")}
        for each in samples
    ]
    text = json.dumps([asdict(options), decisive], sort_keys=True)
    return Manifest(tuple(samples), tuple(refused), sha256(text.encode()).hexdigest())


def write_manifest(cache: Path, manifest: Manifest, options: CutOptions) -> None:
    """Write a manifest into its cache, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    data = {
        "digest": manifest.digest,
        "options": asdict(options),
        "refused": manifest.refused,
        "samples": [as_json(sample) for sample in manifest.samples],
    }
    write_whole(cache / NAME, json.dumps(data, indent=1).encode())


def read_manifest(cache: Path) -> Manifest:
    """Read what :func:`prepare` has left in a cache.

    Raises:
        InputError: there is nothing, or it is damaged.
    """
    path = cache / NAME
    try:
        data = json.loads(path.read_bytes())
        return Manifest(
            tuple(from_json(each) for each in data["samples"]),
            tuple((clip, why) for clip, why in data["refused"]),
            data["digest"],
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no list of prepared samples can be read ({error}). Prepare the clips first, or, if "
            "that was done, once more."
        ) from error


def as_json(sample: Sample) -> dict[str, Any]:
    """Spell a sample in what JSON has; times are exact."""
    return {**asdict(sample), "times": [str(time) for time in sample.times]}


def from_json(data: Mapping[str, Any]) -> Sample:
    """Undo :func:`as_json`.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: it is something else.
    """
    fields: dict[str, Any] = dict(data)
    fields["times"] = tuple(Fraction(time) for time in data["times"])
    return Sample(**fields)
