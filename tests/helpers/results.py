"""All that a result holds, to be compared with another."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

Content = dict[str, Any]


def content_of(path: Path) -> Content:
    """Return pictures, sound and times of a video, or the pictures of a folder."""
    return _video(path) if path.is_file() else _pictures(path)


def contents_of(folder: Path) -> dict[str, Content]:
    """Return what each result in a folder holds; PNGs of one folder are one result."""
    videos = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".png"]
    pictures = {path.parent for path in folder.rglob("*.png")}
    return {str(path.relative_to(folder)): content_of(path) for path in (*videos, *pictures)}


def _video(path: Path) -> Content:
    with av.open(str(path)) as container:
        pictures = [
            (_time(frame), _hash(frame.to_ndarray(format="rgb24").tobytes()))
            for frame in container.decode(video=0)
        ]
    packets: list[tuple[Fraction, int]] = []
    samples: list[tuple[Fraction | None, int]] = []
    with av.open(str(path)) as container:
        has_sound = bool(container.streams.audio)
        if has_sound:
            packets = [
                ((packet.pts or 0) * packet.time_base, _hash(bytes(packet)))
                for packet in container.demux(audio=0)
                if packet.size and packet.time_base
            ]
    if has_sound:
        with av.open(str(path)) as container:
            samples = [
                (_time(frame), _hash(frame.to_ndarray().tobytes()))
                for frame in container.decode(audio=0)
            ]
    return {"pictures": pictures, "packets": packets, "samples": samples}


def _pictures(folder: Path) -> Content:
    files = sorted(folder.glob("*.png"))
    return {
        "pictures": [(file.name, _hash(np.array(Image.open(file)).tobytes())) for file in files]
    }


def _time(frame: av.VideoFrame | av.AudioFrame) -> Fraction | None:
    return None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
