"""Exports side by side: this pack, VideoHelperSuite's Video Combine and ComfyUI's own nodes.

All of them get the same frames, in one ComfyUI in this process. What they wrote is decoded as a player
would: with the colour tags the file carries, and where it carries none, with BT.601 below 720 rows and
BT.709 from there on. zimg does the conversion, which none of the three writes with.

Run with ComfyUI's Python, COMFYUI_PATH and OMP_NUM_THREADS=1 set; see README.md here.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product
from pathlib import Path
from threading import Timer
from time import perf_counter
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vfi.read import probe_video, read_video

WORKFLOW = {"prompt": {"1": {"class_type": "A"}}, "workflow": {"nodes": [{"id": 1}], "extra": {}}}
SOUND_RATE = 48000
# AVColorSpace, AVColorRange (libavutil/pixfmt.h): the numbers PyAV gives.
MATRICES = {0: "rgb", 1: "bt709", 2: "-", 5: "bt470bg", 6: "smpte170m"}
RANGES = {0: "-", 1: "tv", 2: "pc"}
ZIMG_MATRICES = {"bt709": "709", "bt470bg": "470bg", "smpte170m": "170m"}

Image = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Clip:
    """What is exported.

    Attributes:
        name: of a row.
        images: [N, H, W, C] float32 in [0, 1], C 3 or 4: an IMAGE of ComfyUI.
        fps: what the user typed or linked.
        sound: [2, T] in [-1, 1] at ``SOUND_RATE``, None for silence.
    """

    name: str
    images: Tensor
    fps: float = 24.0
    sound: Tensor | None = None

    @property
    def audio(self) -> dict[str, Any] | None:
        """ComfyUI's AUDIO."""
        if self.sound is None:
            return None
        return {"waveform": self.sound[None], "sample_rate": SOUND_RATE}


Save = Callable[[Clip], Path]
"""Exports a clip; returns the file."""


# --- the three -----------------------------------------------------------------------------------


class Host:
    """A ComfyUI in this process, with this pack and VideoHelperSuite."""

    def __init__(self, base: Path, vhs: Path) -> None:
        """Load it with ``base`` as its folder for everything it writes."""
        sys.path.insert(0, os.environ["COMFYUI_PATH"])
        from comfy.cli_args import args as comfy_args

        comfy_args.cpu = True  # both before anything of ComfyUI is imported that reads them
        comfy_args.base_directory = str(base)
        asyncio.run(self._load([ROOT, vhs]))

    async def _load(self, packs: Sequence[Path]) -> None:
        nodes, server = (importlib.import_module(name) for name in ("nodes", "server"))
        server.PromptServer(asyncio.get_running_loop())  # VideoHelperSuite adds routes to it
        for pack in packs:
            assert await nodes.load_custom_node(str(pack)), f"{pack}: expected a node pack"
        self._nodes = nodes.NODE_CLASS_MAPPINGS

    def ours(self, preset: str, **options: object) -> Save:
        """Export with ExportVideoRIFE."""

        def save(clip: Clip) -> Path:
            given = {"crf": 20, "audio": clip.audio, "preset": preset} | options
            node = _with_hidden(self._nodes["ExportVideoRIFE"])
            result = node.execute(clip.images, clip.fps, "ours", **given)
            return Path(result[0].get_stream_source())

        return save

    def vhs(self, file_format: str, **options: object) -> Save:
        """Export with Video Combine; options are the widgets of the format."""

        def save(clip: Clip) -> Path:
            result = self._nodes["VHS_VideoCombine"]().combine_video(
                frame_rate=clip.fps,
                loop_count=0,
                images=clip.images,
                filename_prefix="vhs",
                format=f"video/{file_format}",
                prompt=WORKFLOW["prompt"],
                extra_pnginfo={"workflow": WORKFLOW["workflow"]},
                audio=clip.audio,
                **options,
            )
            return Path(result["result"][0][1][-1])

        return save

    def core(self, **options: object) -> Save:
        """Export with Create Video and Save Video."""
        from comfy_extras.nodes_video import CreateVideo, SaveVideo

        def save(clip: Clip) -> Path:
            video = CreateVideo.execute(clip.images, clip.fps, clip.audio, **options)[0]
            saved = _with_hidden(SaveVideo).execute(video, "core", "auto", "auto")
            return _saved_path(saved)

        return save

    def core_webm(self, codec: str, **options: object) -> Save:
        """Export with Save WEBM, which has no sound."""
        from comfy_extras.nodes_video import SaveWEBM

        def save(clip: Clip) -> Path:
            node = _with_hidden(SaveWEBM)
            return _saved_path(
                node.execute(clip.images, codec, clip.fps, "webm", crf=32, **options)
            )

        return save


def _with_hidden(node: Any) -> Any:
    """Prepare a node as ComfyUI does, with a workflow to embed."""
    from comfy_api.latest import io

    hidden = {
        io.Hidden.prompt: WORKFLOW["prompt"],
        io.Hidden.extra_pnginfo: {"workflow": WORKFLOW["workflow"]},
    }
    return node.PREPARE_CLASS_CLONE({"hidden_inputs": hidden})


def _saved_path(output: Any) -> Path:
    import folder_paths

    saved = output.ui.as_dict()["images"][0]
    return Path(folder_paths.get_output_directory(), saved["subfolder"], saved["filename"])


# --- clips ---------------------------------------------------------------------------------------


def read_clip(text: str) -> Clip:
    """Read ``FILE`` or ``FILE:FRAMES``."""
    name, _, count = text.partition(":")
    info = probe_video(Path(name))
    frames = islice(read_video(info), int(count) if count else None)
    pixels = torch.stack([frame.pixels for frame in frames])
    return Clip(Path(name).name, pixels.float() / 255, float(info.rate))


def flat_colours(height: int, width: int) -> Clip:
    """Make a frame of each colour whose channels are 0, 128 or 255."""
    colours = torch.tensor(list(product((0, 128, 255), repeat=3))).float() / 255
    images = colours[:, None, None, :].expand(-1, height, width, -1).contiguous()
    return Clip(f"flat colours {width}x{height}", images)


def deep_ramp() -> Clip:
    """Make four frames of 1024 greys, from black to white."""
    ramp = torch.linspace(0, 1, 1024).view(1, 1, -1, 1)
    return Clip("1024 greys", ramp.expand(4, 128, -1, 3).contiguous())


def with_sound(clip: Clip) -> Clip:
    """Add a sweep from 100 Hz to 4 kHz, exactly as long as the picture."""
    seconds = len(clip.images) / clip.fps
    time = torch.arange(round(seconds * SOUND_RATE)) / SOUND_RATE
    phase = 2 * math.pi * (100 * time + 3900 / 2 / seconds * time**2)
    return replace(clip, sound=torch.stack((phase.sin(), phase.cos())) / 2)


def with_alpha(clip: Clip) -> Clip:
    """Cut the picture out as a disc with a soft edge."""
    _, height, width, _ = clip.images.shape
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    alpha = ((0.8 - torch.hypot(x, y)) * 10).clamp(0, 1)[None, :, :, None]
    alpha = alpha.expand(len(clip.images), -1, -1, -1)
    return replace(clip, images=torch.cat((clip.images, alpha), dim=-1))


# --- what is in a file ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What a file says of itself.

    Attributes:
        pixel_format: ffmpeg's name.
        matrix: tagged, "-" if untagged.
        range: the same.
        is_tagged: whether primaries and transfer are tagged as well.
        rate: frames per second.
        size: (height, width), px.
        tags: the container's.
        has_alpha: whether there is transparency.
    """

    pixel_format: str
    matrix: str
    range: str
    is_tagged: bool
    rate: Fraction | None
    size: tuple[int, int]
    tags: Mapping[str, str]
    has_alpha: bool

    @property
    def is_rgb(self) -> bool:
        """Whether there is nothing to convert."""
        return not self.pixel_format.startswith(("yuv", "nv", "p0"))


def look_at(path: Path) -> Written:
    """Read what a file says of itself."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        pixel_format = context.pix_fmt or ""
        tags = dict(container.metadata)
        return Written(
            pixel_format=pixel_format,
            matrix=MATRICES[context.colorspace],
            range=RANGES[context.color_range],
            is_tagged=context.color_primaries == 1 and context.color_trc == 1,
            rate=stream.average_rate,
            size=(context.height, context.width),
            tags=tags,
            # VP9 keeps alpha in a stream of its own, which only the tag tells.
            has_alpha="a" in re.sub(r"gray|pal8", "", pixel_format)
            or {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode")
            == "1",
        )


def workflow_in(tags: Mapping[str, str]) -> str:
    """Say which of the two tags are there as ComfyUI's front end reads them, in any case."""
    known = {key.lower(): value for key, value in tags.items()}
    whole = [
        name
        for name, expected in WORKFLOW.items()
        if name in known and json.loads(known[name]) == expected
    ]
    return " + ".join(whole) or "none"


def decode(path: Path, untagged: str = "") -> Iterator[Image]:
    """Decode a file as a player would: [H, W, 3] or [H, W, 4] float32 in [0, 1] for each frame.

    Args:
        path: the file.
        untagged: the matrix of a file that names none; by default the one that players guess.
    """
    written = look_at(path)
    height, width = written.size
    channels = 4 if written.has_alpha else 3
    command = [get_ffmpeg_exe(), "-v", "error"]
    if written.has_alpha and path.suffix == ".webm":
        command += ["-c:v", "libvpx-vp9"]  # ffmpeg's own decoder leaves the alpha out
    command += ["-i", str(path), "-map", "0:v:0", "-fps_mode", "passthrough"]
    if written.is_rgb:
        is_deep = "16" in written.pixel_format
        kind = np.dtype("<u2" if is_deep else "u1")
        names = ("rgb48le", "rgba64le") if is_deep else ("rgb24", "rgba")
        command += ["-pix_fmt", names[written.has_alpha]]
    else:
        kind = np.dtype("<f4")
        command += ["-vf", _to_rgb(written, untagged)]
    command += ["-f", "rawvideo", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        while raw := process.stdout.read(channels * height * width * kind.itemsize):
            values = np.frombuffer(raw, kind)
            if written.is_rgb:
                yield values.reshape(height, width, channels) / np.float32(np.iinfo(kind).max)
            else:
                planes = values.reshape(channels, height, width)[[2, 0, 1, 3][:channels]]
                yield np.moveaxis(planes, 0, -1).clip(0, 1)  # GBRA -> RGBA


def _to_rgb(written: Written, untagged: str) -> str:
    """Return the filters that make planes of floating point RGB."""
    height, width = written.size
    matrix = written.matrix
    if matrix == "-":
        matrix = untagged or ("bt709" if height >= 720 else "smpte170m")
    limits = "full" if written.range == "pc" else "limited"
    # zimg takes no picture whose last colours belong to less than a whole block of pixels.
    even = "format=yuv444p," if height % 2 or width % 2 else ""
    pixel_format = "gbrapf32le" if written.has_alpha else "gbrpf32le"
    return (
        f"{even}zscale=matrixin={ZIMG_MATRICES[matrix]}:rangein={limits}:matrix=gbr:range=full:dither=none"
        f":filter=bicubic,format={pixel_format}"
    )


def decode_sound(path: Path) -> npt.NDArray[np.float32]:
    """Decode the sound: [2, T]; T is 0 where there is none."""
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:a:0", "-ar"]
    command += [str(SOUND_RATE), "-ac", "2", "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    return np.frombuffer(done.stdout, np.float32).reshape(-1, 2).T


# --- how good it is ------------------------------------------------------------------------------


def errors(
    clip: Clip, path: Path, first: int = 0, last: int = 3, untagged: str = ""
) -> list[float]:
    """Return the mean square error of each frame; what was padded on is cut off."""
    found: list[float] = []
    _, height, width, _ = clip.images.shape
    for image, frame in zip(clip.images.numpy(), decode(path, untagged), strict=True):
        cut = frame[:height, :width, first:last]
        found.append(float(np.mean((cut - image[..., first:last]) ** 2)))
    return found


def psnr(mean_square: Sequence[float]) -> float:
    """PSNR in dB of a whole clip."""
    mean = statistics.fmean(mean_square)
    return math.inf if mean == 0 else -10 * math.log10(mean)


def colour_error(clip: Clip, path: Path) -> float:
    """Return by how much a flat colour is off at most, in code values of 255."""
    pairs = zip(clip.images.numpy(), decode(path), strict=True)
    means = (frame[..., :3].mean((0, 1), dtype=np.float64) - image[0, 0] for image, frame in pairs)
    return max(float(np.abs(difference).max()) for difference in means) * 255


def sound_error(clip: Clip, path: Path) -> tuple[int, int]:
    """Return how many samples there are too many, and how many the sound is late."""
    assert clip.sound is not None
    given, found = clip.sound[0].numpy(), decode_sound(path)[0]
    size = 2 ** math.ceil(math.log2(len(given) + len(found)))
    match = np.fft.irfft(np.fft.rfft(found, size) * np.fft.rfft(given, size).conj())
    late = int(match.argmax())
    return len(found) - len(given), late - size if late > size // 2 else late


# --- tables --------------------------------------------------------------------------------------


def candidates(host: Host) -> dict[str, Save]:
    """List what is compared on clips: defaults, and the same quality number in each codec."""
    return {
        "H.264 | this pack, share (default, CRF 20)": host.ours("share"),
        "H.264 | this pack, share, CRF 19": host.ours("share", crf=19),
        "H.264 | this pack, share, CRF 23": host.ours("share", crf=23),
        "H.264 | Video Combine, h264-mp4 (default, CRF 19)": host.vhs(
            "h264-mp4", pix_fmt="yuv420p", crf=19
        ),
        "H.264 | Save Video (default, CRF 23)": host.core(),
        "H.264 10 bit | Video Combine, h264-mp4, yuv420p10le": host.vhs(
            "h264-mp4", pix_fmt="yuv420p10le", crf=19
        ),
        "H.264 10 bit | Save Video, bit_depth 10": host.core(bit_depth=10),
        "H.265 10 bit | this pack, high-quality (default, CRF 18)": host.ours(
            "high-quality", crf=18
        ),
        "H.265 10 bit | this pack, high-quality, CRF 22": host.ours("high-quality", crf=22),
        "H.265 10 bit | Video Combine, h265-mp4 (default, CRF 22)": host.vhs(
            "h265-mp4", pix_fmt="yuv420p10le", crf=22
        ),
        "FFV1 | this pack, lossless": host.ours("lossless"),
        "FFV1 | Video Combine, ffv1-mkv (default, rgba64le)": host.vhs("ffv1-mkv"),
        "FFV1 | Video Combine, ffv1-mkv, bgra": host.vhs("ffv1-mkv", pix_fmt="bgra"),
    }


def compare(clip: Clip, found: Mapping[str, Save], runs: int) -> dict[str, dict[str, float]]:
    """Export a clip with all candidates in turn.

    Returns:
        Name -> size, PSNR and medians of time: what passed, and what all cores worked, which other
        programs on the machine change less.
    """
    seconds: dict[str, list[float]] = {name: [] for name in found}
    worked: dict[str, list[float]] = {name: [] for name in found}
    paths: dict[str, Path] = {}
    for _, (name, save) in product(range(runs), found.items()):
        started, cpu_started = perf_counter(), _cpu_seconds()
        paths[name] = save(clip)
        seconds[name].append(perf_counter() - started)
        worked[name].append(_cpu_seconds() - cpu_started)
    rows: dict[str, dict[str, float]] = {}
    for name, path in paths.items():
        first = next(other for other in found if codec_of(other) == codec_of(name))
        rows[name] = {
            "kB": path.stat().st_size / 1000,
            "PSNR": psnr(errors(clip, path)),
            "PSNR, BT.601 if untagged": psnr(errors(clip, path, untagged="smpte170m")),
            "s": statistics.median(seconds[name]),
            "CPU s": statistics.median(worked[name]),
            "CPU, of the first": statistics.median(worked[name]) / statistics.median(worked[first]),
        }
    return rows


def _cpu_seconds() -> float:
    """Return how long cores have worked for this process and the ffmpegs that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def codec_of(name: str) -> str:
    """Return what stands before the bar in a candidate's name."""
    return name.partition(" | ")[0]


def small_checks(host: Host, clip: Clip, only: str) -> dict[str, dict[str, str]]:
    """Try what is easily lost, with all candidates; "fails" where nothing is written."""
    short = replace(clip, images=clip.images[:24])
    sounding = with_sound(replace(short, fps=24.0))
    odd = replace(short, images=short.images[:8, :-1, :-1])
    longer = replace(short, images=short.images.repeat(4, 1, 1, 1))
    checks: dict[str, tuple[Clip, Callable[[Clip, Path], str]]] = {
        "tags": (sounding, lambda _, path: _describe(look_at(path))),
        "workflow": (sounding, lambda _, path: workflow_in(look_at(path).tags)),
        "colours 832x480": (flat_colours(480, 832), _colours),
        "colours 1280x720": (flat_colours(720, 1280), _colours),
        "1024 greys": (deep_ramp(), lambda c, path: f"{psnr(errors(c, path)):.1f} dB"),
        "odd size": (odd, _odd),
        "sound": (sounding, _sound),
        "23.976 typed": (replace(short, fps=23.976), _rate),
        "24000/1001 linked": (replace(short, fps=24000 / 1001), _rate),
        "alpha": (with_alpha(replace(short, images=short.images[:8])), _alpha),
    }
    found = {
        "this pack, share": host.ours("share"),
        "this pack, high-quality": host.ours("high-quality", crf=18),
        "this pack, webm": host.ours("webm", crf=24),
        "this pack, master": host.ours("master"),
        "this pack, lossless": host.ours("lossless"),
        "Video Combine, h264-mp4": host.vhs("h264-mp4", pix_fmt="yuv420p", crf=19),
        "Video Combine, h265-mp4": host.vhs("h265-mp4", pix_fmt="yuv420p10le", crf=22),
        "Video Combine, webm yuva420p": host.vhs("webm", pix_fmt="yuva420p", crf=20),
        "Video Combine, ProRes 4444": host.vhs("ProRes", profile="4444"),
        "Video Combine, ffv1-mkv": host.vhs("ffv1-mkv"),
        "Save Video": host.core(),
        "Save Video, bit_depth 10": host.core(bit_depth=10),
        "Save WEBM, vp9": host.core_webm("vp9"),
    }
    return {
        name: {check: _try(save, given, judge) for check, (given, judge) in checks.items()}
        | {"cancelled": cancelled(save, longer)}
        for name, save in found.items()
        if only in name
    }


def cancelled(save: Save, clip: Clip) -> str:
    """Cancel an export after a third of a second, and list what is there afterwards."""
    import comfy.model_management as management
    import comfy.utils
    import folder_paths

    def look(*_: object, **__: object) -> None:  # as ComfyUI's own hook does
        management.throw_exception_if_processing_interrupted()

    folder = Path(folder_paths.get_output_directory())
    before = set(folder.iterdir())
    comfy.utils.set_progress_bar_global_hook(look)
    Timer(0.3, management.interrupt_current_processing).start()
    try:
        save(clip)
    except management.InterruptProcessingException:
        left = sorted(path.suffix for path in set(folder.iterdir()) - before)
        return f"leaves {', '.join(left)}" if left else "leaves nothing"
    finally:
        management.interrupt_current_processing(False)
        comfy.utils.set_progress_bar_global_hook(None)
    return "not noticed"


def _try(save: Save, clip: Clip, judge: Callable[[Clip, Path], str]) -> str:
    try:
        return judge(clip, save(clip))
    except Exception as error:  # noqa: BLE001  whatever a peer raises is a finding
        print(f"{clip.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return "fails"


def _describe(written: Written) -> str:
    if written.is_rgb:
        return f"RGB ({written.pixel_format})"
    rest = "" if written.is_tagged else ", no primaries or transfer"
    return "none" if written.matrix == "-" else f"{written.matrix}, {written.range}{rest}"


def _colours(clip: Clip, path: Path) -> str:
    return f"{colour_error(clip, path):.1f}"


def _sound(clip: Clip, path: Path) -> str:
    more, late = sound_error(clip, path)
    assert clip.sound is not None
    return "none" if -more == clip.sound.shape[1] else f"{more:+d}, late by {late}"


def _odd(clip: Clip, path: Path) -> str:
    height, width = look_at(path).size
    return f"{width}x{height}, {psnr(errors(clip, path)):.1f} dB"


def _rate(_: Clip, path: Path) -> str:
    return str(look_at(path).rate)


def _alpha(clip: Clip, path: Path) -> str:
    if not look_at(path).has_alpha:
        return "left out"
    return f"{psnr(errors(clip, path, 3, 4)):.1f} dB"


def print_table(title: str, rows: Mapping[str, Mapping[str, object]]) -> None:
    """Print rows in the form of Markdown."""
    columns = list(next(iter(rows.values())))
    print(f"\n{title}\n")
    print("|".join(["", title, *columns, ""]))
    print("|".join(["", *["---"] * (len(columns) + 1), ""]))
    for name, row in rows.items():
        cells = [f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values()]
        print(" | ".join(["", name.replace("|", "\\|"), *cells, ""]).strip(), flush=True)


def main() -> None:
    """Print a table for each clip, and one of what is easily lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+", metavar="CLIP[:FRAMES]")
    parser.add_argument("--vhs", type=Path, required=True, help="folder of VideoHelperSuite")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the candidates' names")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--no-checks", action="store_true", help="tables of the clips only")
    which.add_argument("--checks-only", action="store_true", help="with the first clip")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result: dict[str, Mapping[str, Mapping[str, object]]] = {}
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        host = Host(Path(folder), args.vhs.resolve())
        clips = [read_clip(text) for text in args.clips]
        found = {name: save for name, save in candidates(host).items() if args.only in name}
        for clip in [] if args.checks_only else clips:
            result[clip.name] = compare(clip, found, args.runs)
            print_table(f"{clip.name}, {len(clip.images)} frames", result[clip.name])
        if not args.no_checks:
            result["checks"] = small_checks(host, clips[0], args.only)
            print_table("checks", result["checks"])
    if args.json:
        args.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
