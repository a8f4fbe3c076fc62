"""What is fuzzed: each takes any bytes, and ends with a result or with one error of the project."""

from __future__ import annotations

import json
import struct
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from migrate import migrate_workflow
from migrate.forms import CORE_INTERPOLATE, RIFE_VFI
from vfi.encode import EncodingSettings, parse_encoder_options
from vfi.errors import VfiError
from vfi.image_files import encode_exr, encode_png, opened, probe_image, read_image
from vfi.preprocess import parse_cuts
from vfi.read.gif import clears_frames
from vfi.read.webp import describe_animation, is_webp, read_animation
from vfi.timing import Schedule, parse_ramp, parse_rate, parse_speed, parse_timestamp
from vfi.visualize import parse_labels
from vfi.write.exif import add_exif
from vfi.write.image_sequence import ImageSequenceWriter
from vfi.write.segments import SegmentsFolder
from vfi.write.spool import FrameSpool, count_spooled, trim_spool

CORPUS = Path(__file__).parent / "corpus"
_PARSERS: tuple[Callable[[str], object], ...] = (
    *(parse_rate, parse_speed, parse_timestamp, parse_cuts, parse_labels, parse_encoder_options),
)
_SIZE = (8, 6)  # px
_MOST_PIXELS = 1 << 20  # 178 million, which are allowed, take seconds each


@dataclass(frozen=True)
class Target:
    """Something that reads what others made.

    Attributes:
        run: takes an input, and raises what nobody should ever see.
        seeds: makes inputs that are in order.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


def inputs_of(name: str) -> list[bytes]:
    """Return the seeds of a target, and what earlier runs found."""
    found = sorted((CORPUS / name).glob("*"))
    return [*TARGETS[name].seeds(), *(path.read_bytes() for path in found)]


def _as_file(suffix: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """Give a reader a file with the input in it; errors of the project are as they should be."""

    def run(data: bytes) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            warnings.catch_warnings(),
            patch.object(opened, "_MOST_PIXELS", _MOST_PIXELS),
        ):
            warnings.simplefilter("ignore")  # Pillow's, of what it repairs
            path = Path(folder) / f"1{suffix}"
            path.write_bytes(data)
            with suppress(VfiError):
                read(path)

    return run


# --- pictures ------------------------------------------------------------------------------------


def _pixels(channels: int, kind: str = "uint8") -> Any:
    most = np.iinfo(kind).max if kind.startswith("uint") else 1
    values = np.random.default_rng(0).random((*_SIZE, channels)) * most
    return values.astype(kind)


def _saved(kind: str, mode: str = "RGB", frames: int = 1, **options: Any) -> bytes:
    picture = Image.fromarray(_pixels(4), "RGBA" if Image.__version__ < "11.3" else None)
    several = {
        "save_all": True,
        "append_images": [picture.rotate(180).convert(mode)] * (frames - 1),
    }
    stream = BytesIO()
    picture.convert(mode).save(stream, kind, **options, **(several if frames > 1 else {}))
    return stream.getvalue()


def _read_picture(path: Path) -> None:
    info = probe_image(path)
    pixels = read_image(path, bit_depth=info.bit_depth, alpha=info.has_alpha)
    assert pixels.shape[1::-1] == info.size
    assert not np.isinf(pixels).any()


def _pictures() -> list[bytes]:
    deep = [encode_png(_pixels(n, "uint16"), compress_level=1, text={"a": "b"}) for n in (3, 4)]
    eight = [_saved("PNG", mode) for mode in ("RGB", "RGBA", "P", "L")]
    others = [
        _saved("JPEG"),
        _saved("JPEG", "CMYK", progressive=True),
        _saved("BMP"),
        _saved("TIFF"),
    ]
    packed = [_saved("TIFF", compression=name) for name in ("tiff_lzw", "packbits")]
    moving = [_saved(kind, frames=2) for kind in ("GIF", "PNG", "WEBP")]
    return [*deep, *eight, *others, *packed, *moving, _saved("WEBP", "RGBA", lossless=True)]


def _exrs() -> list[bytes]:
    return [encode_exr(_pixels(channels, "float32")) for channels in (3, 4)]


def _read_webp(path: Path) -> None:
    if is_webp(path):
        info = describe_animation(path)
        for frame in read_animation(info, alpha=info.has_alpha):
            assert frame.load().shape[:2] == (info.height, info.width)


def _webps() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0110] = b"prompt:{}"
    return [
        _saved("WEBP", mode, frames=3, lossless=lossless, duration=[40, 0, 70], exif=exif)
        for mode, lossless in (("RGB", False), ("RGBA", True))
    ]


def _gifs() -> list[bytes]:
    return [_saved("GIF", frames=3, disposal=disposal) for disposal in (0, 2)]


def _add_exif(path: Path) -> None:
    add_exif(path, {"workflow": "{}"})


# --- text ----------------------------------------------------------------------------------------


def _parse_all(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for parse in _PARSERS:
        with suppress(VfiError):
            parse(text)
    with suppress(VfiError):
        ramp = parse_ramp(text)
        schedule = Schedule(Fraction(48), Fraction(1, 24), speed=ramp)
        schedule.timesteps_between(Fraction(1), Fraction(25, 24))
        schedule.count(Fraction(9))


def _texts() -> list[bytes]:
    lines = "30000/1001|23.976|1e-3|1:02:03.5|0:1 2:0.25, 3:1|48, 96 2.5s|before | {fps} after"
    options = "-preset slow -x265-params 'aq-mode=3:no-sao'|tune=film b:v=4M|-pix_fmt yuv420p10le"
    return [part.encode() for part in f"{lines}|{options}|a | b".split("|")]


def _migrate(data: bytes) -> None:
    try:
        workflow = json.loads(data)
    except (ValueError, RecursionError):
        return  # the script's own door, see tests/migrate/test_damaged.py
    with suppress(VfiError):
        migrate_workflow(workflow)


def _workflows() -> list[bytes]:
    folder = Path(__file__).parents[1] / "migrate/data"
    saved = [path.read_bytes() for path in sorted(folder.glob("*.json"))]
    api = {
        "1": {
            "class_type": "FrameInterpolationModelLoader",
            "inputs": {"model_name": "rife_v4.26.pth"},
        },
        "2": {
            "class_type": CORE_INTERPOLATE.type,
            "inputs": {"interp_model": ["1", 0], "images": ["4", 0], "multiplier": 4},
        },
        "3": {"class_type": RIFE_VFI.type, "inputs": {**RIFE_VFI.defaults, "frames": ["4", 0]}},
        "4": {"class_type": "Reroute", "inputs": {"": ["5", 0]}},
        "5": {"class_type": "GetVideoComponents", "inputs": {}},
    }
    small = [json.dumps(json.loads(text)).encode() for text in saved]
    return [*small, json.dumps(api).encode()]


# --- what an interrupted run has left ------------------------------------------------------------


def _format() -> Any:
    settings = EncodingSettings("lossless")
    return settings.resolve(Path("a.mkv"), width=_SIZE[0], height=_SIZE[1], rate=Fraction(24))


def _resume(path: Path) -> None:
    folder = path.parent / "v.segments"
    folder.mkdir()
    path.rename(folder / "segments.json")
    SegmentsFolder(folder, _format(), 250, "key").begin(0)
    (folder / "segments.json").rename(path)
    images = path.parent / "v"
    (path.parent / "v.partial").mkdir()
    path.rename(path.parent / "v.partial/job.txt")
    with ImageSequenceWriter(images, resume_key="key") as writer:
        assert writer.num_finished == 0
        writer.start_at(0)


def _manifests() -> list[bytes]:
    fields = {"key": "key", "segment_length": 250, "num_frames": 500, "note": "resume"}
    return [json.dumps(fields).encode(), b"key"]


def _read_spool(path: Path) -> None:
    frames = _format()
    count = count_spooled(path, frames)
    if count:
        assert len(list(FrameSpool(path, frames, count).kept())) == count
        trim_spool(path, count - 1)
        assert count_spooled(path, frames) == count - 1


def _spools() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.frames"
        frames = _format()
        spool = FrameSpool(path, frames)
        for number in range(3):
            frame = frames.to_video_frame(np.full((_SIZE[1], _SIZE[0], 3), 9 * number, np.uint8))
            spool.add(frame.reformat(format=frames.encoder.pixel_format))
        spool.close()
        whole = path.read_bytes()
    return [whole, whole[: struct.calcsize("<II") + 4]]


TARGETS = {
    "exif": Target(_as_file(".webp", _add_exif), _webps),
    "exr": Target(_as_file(".exr", _read_picture), _exrs),
    "gif": Target(_as_file(".gif", clears_frames), _gifs),
    "manifest": Target(_as_file(".json", _resume), _manifests),
    "migrate": Target(_migrate, _workflows),
    "pictures": Target(_as_file(".png", _read_picture), _pictures),
    "spool": Target(_as_file(".frames", _read_spool), _spools),
    "text": Target(_parse_all, _texts),
    "webp": Target(_as_file(".webp", _read_webp), _webps),
}
