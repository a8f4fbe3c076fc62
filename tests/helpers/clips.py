"""Small clips for the tests of the command line, and ways to look at what came out."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

_ENCODERS = {
    ".mkv": ("-c:v", "ffv1", "-pix_fmt", "bgr0"),  # lossless: RGB comes back as it went in
    ".mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
}


def moving_pictures(count: int, width: int = 64, height: int = 48) -> list[Picture]:
    """Random colours that wander 2 px to the right with each picture, [H, W, 3]."""
    texture = np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8)
    return [np.roll(texture, 2 * number, axis=1) for number in range(count)]


def write_clip(
    path: Path, pictures: list[Picture], rate: str = "24", *, sound: str | None = None
) -> Path:
    """Write pictures as a video; ``sound`` is the codec of a tone that is just as long."""
    height, width, _ = pictures[0].shape
    command = [get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", rate, "-i", "pipe:0"]
    if sound:
        seconds = float(len(pictures) / Fraction(rate))
        command += ["-f", "lavfi", "-i", f"sine=duration={seconds}", "-c:a", sound]
    command += [*_ENCODERS[path.suffix], str(path)]
    subprocess.run(command, input=b"".join(p.tobytes() for p in pictures), check=True)
    return path


def write_clip_without_frames(path: Path, clip: Path) -> Path:
    """Write an AVI that has the picture track of ``clip`` and nothing in it."""
    options = ["-map", "0:v", "-c:v", "mjpeg", "-frames:v", "0", "-f", "avi"]
    subprocess.run(
        [get_ffmpeg_exe(), "-v", "quiet", "-y", "-i", str(clip), *options, str(path)], check=True
    )
    return path


def write_damaged_clip(path: Path, num_frames: int, damaged: int) -> Path:
    """Write a video of JPEG frames, one of which is not a JPEG."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, picture in enumerate(moving_pictures(num_frames)):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture)):
                broken = av.Packet(b"no jpeg") if number == damaged else packet
                broken.stream, broken.time_base = stream, packet.time_base
                broken.pts = broken.dts = packet.pts
                container.mux(broken)
    return path


def write_pictures(folder: Path, pictures: list[Picture]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures, 1):
        Image.fromarray(picture).save(folder / f"shot_{number:04}.png")
    return folder


def read_pictures(folder: Path) -> list[Picture]:
    return [np.array(Image.open(path)) for path in sorted(folder.iterdir())]


def count_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def frame_rate(path: Path) -> Fraction | None:
    with av.open(str(path)) as container:
        return container.streams.video[0].average_rate


def format_name(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.format.name


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def sound_duration(path: Path) -> float:
    """Seconds of the first sound track, 0 without one."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return 0.0
        packets = list(container.demux(audio=0))
        return float(sum((p.duration or 0) * p.time_base for p in packets if p.time_base))
