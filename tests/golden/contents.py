"""What is in a file: hashes of what it decodes to, and what it says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

_PICTURES = {".png", ".exr"}
# Who wrote it, and when.
_VOLATILE = {"encoder", "creation_time", "date", "prompt", "workflow", "comment", "duration"}


def describe_folder(folder: Path, ignored: set[Path] = frozenset()) -> dict[str, Any]:
    """Describe every new file in a folder."""
    return {
        str(path.relative_to(folder)): describe_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path not in ignored
    }


def describe_file(path: Path) -> Any:
    """Describe a file by what is in it, whatever that is."""
    if path.suffix in _PICTURES:
        with av.open(str(path)) as container:
            return [_hash(frame) for frame in container.decode(video=0)]
    if path.suffix in {".txt", ".json", ".safetensors"}:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        return _describe_video(path)
    except av.FFmpegError:
        return _describe_animation(path)


def _describe_video(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        picture = container.streams.video[0]
        context = picture.codec_context
        about = {
            "format": container.format.name,
            "codec": context.name,
            "rates": [str(picture.average_rate), str(picture.base_rate)],
            "aspect": str(picture.sample_aspect_ratio),
            "colour": [context.color_range, context.colorspace, context.color_primaries],
            "duration": [container.duration, picture.duration],
            "tags": _tags(container),
            "chapters": [
                [str(c["start"] * c["time_base"]), str(c["end"] * c["time_base"]), c["metadata"]]
                for c in container.chapters()
            ],
            "fonts": [s.type for s in container.streams if s.type == "attachment"],
        }
        about["frames"] = [[str(f.pts * f.time_base), _hash(f)] for f in container.decode(picture)]
    about["tracks"] = list(_tracks(path))
    return about


def _tags(container: Any) -> dict[str, str]:
    return {k: v for k, v in container.metadata.items() if k.lower() not in _VOLATILE}


def _tracks(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        others = [s for s in container.streams if s.type in ("audio", "subtitle")]
        for stream in others:
            container.seek(0)
            packets = [p for p in container.demux(stream) if p.size]
            content = hashlib.sha256(b"".join(bytes(p) for p in packets)).hexdigest()
            times = [None if p.pts is None else str(p.pts * p.time_base) for p in packets]
            yield [stream.type, stream.codec_context.name, stream.language, times, content]


def _describe_animation(path: Path) -> Any:
    from PIL import Image, ImageSequence

    with Image.open(path) as image:
        return [
            [
                frame.info.get("duration"),
                hashlib.sha256(frame.convert("RGBA").tobytes()).hexdigest(),
            ]
            for frame in ImageSequence.Iterator(image)
        ]


def _hash(frame: av.VideoFrame) -> str:
    digest = hashlib.sha256(f"{frame.width}x{frame.height} {frame.format.name}".encode())
    for plane in frame.planes:
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        bits = frame.format.components[0].bits
        width = min(plane.line_size, -(-plane.width * _bytes_per_pixel(frame, bits) // 1))
        digest.update(np.ascontiguousarray(rows[:, :width]).tobytes())
    return digest.hexdigest()


def _bytes_per_pixel(frame: av.VideoFrame, bits: int) -> int:
    per_value = 4 if bits > 16 else 2 if bits > 8 else 1
    name = frame.format.name
    packed = name.startswith(("rgb", "bgr", "rgba", "bgra", "argb", "gray", "ya"))
    if packed and not name.startswith("gray"):
        return per_value * max(len(frame.format.components), 4 if name.endswith("0") else 1)
    return per_value
