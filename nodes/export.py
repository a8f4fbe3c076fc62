"""RIFEExportPNG and RIFEExportVideo: an image batch becomes files."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import folder_paths
from comfy.cli_args import args as comfy_args
from comfy_api.latest import InputImpl, io, ui
from torch import Tensor

from ..vfi.audio import write_wav
from ..vfi.encoder_options import parse_encoder_options
from ..vfi.frames import to_uint8, to_uint16
from ..vfi.png import PngWriter
from ..vfi.presets import DEFAULT_PRESET, PRESETS, Preset, find_preset
from ..vfi.tracks import SourceTracks
from ..vfi.writer import VideoWriter
from .types import CATEGORY, exact_rate, require_rgb, with_progress

_log = logging.getLogger(__name__)
_PREFIX_TOOLTIP = (
    "Name of the result in ComfyUI's output folder; a/b puts it into a subfolder. "
    "A number is added, so nothing is overwritten."
)
_WITHOUT_CRF = ", ".join(preset.name for preset in PRESETS.values() if not preset.has_crf)


class RIFEExportPNG(io.ComfyNode):
    """Save a batch as numbered PNG files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEExportPNG",
            display_name="RIFE Export PNG",
            category=CATEGORY,
            description="Save frames losslessly as 0000000.png, 0000001.png, ... in a folder of "
            "their own, each with the workflow inside.",
            search_aliases=["save frames", "png sequence", "image sequence"],
            inputs=[
                io.Image.Input("images", tooltip="The frames in order."),
                io.String.Input("filename_prefix", default="RIFE", tooltip=_PREFIX_TOOLTIP),
            ],
            outputs=[io.String.Output(display_name="folder", tooltip="Where the files are.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: Tensor, filename_prefix: str) -> io.NodeOutput:
        """Write the folder, which appears under its name when it is complete."""
        require_rgb(images)
        folder, subfolder = _new_output(filename_prefix, images)
        with PngWriter(folder, metadata=_metadata(cls)) as writer:
            for pixels in with_progress(images, len(images)):
                writer.write(to_uint8(pixels).cpu().numpy())
        shown = [
            ui.SavedResult(
                path.name, f"{subfolder}/{folder.name}".lstrip("/"), io.FolderType.output
            )
            for path in sorted(folder.iterdir())
        ]
        return io.NodeOutput(str(folder), ui=ui.SavedImages(shown))


class RIFEExportVideo(io.ComfyNode):
    """Save a batch as a video file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEExportVideo",
            display_name="RIFE Export Video",
            category=CATEGORY,
            description="Save frames as a video with the workflow inside: an H.264 MP4 that plays "
            "everywhere, or what another preset makes.",
            search_aliases=["save video", "video combine", "mp4", "gif", "prores", "ffmpeg"],
            inputs=[
                io.Image.Input("images", tooltip="The frames in order."),
                io.Float.Input(
                    "fps",
                    default=32.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    round=0.001,
                    tooltip="Frames per second: the source's rate times multi keeps the speed. "
                    "23.976, 29.97 and 59.94 mean the exact broadcast rates.",
                ),
                io.String.Input("filename_prefix", default="video/RIFE", tooltip=_PREFIX_TOOLTIP),
                io.Int.Input(
                    "crf",
                    default=20,
                    min=0,
                    max=51,
                    tooltip="Quality: lower is better and larger. 17 looks lossless, 20 is very "
                    "good, 28 is small; in web and webm, 24 is about as good as 20 in share. "
                    f"Not for {_WITHOUT_CRF}.",
                ),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Sound, cut to the length of the picture."
                ),
                io.Combo.Input(
                    "preset",
                    list(PRESETS),
                    default=DEFAULT_PRESET,
                    optional=True,
                    tooltip="\n".join(f"{p.name}: {p.purpose}" for p in PRESETS.values()),
                ),
                io.String.Input(
                    "ffmpeg_options",
                    default="",
                    optional=True,
                    tooltip="Options of the encoder, which take precedence, such as: "
                    "-preset slow -tune film",
                ),
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The finished file.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        fps: float,
        filename_prefix: str,
        crf: int,
        audio: dict[str, Any] | None = None,
        preset: str = DEFAULT_PRESET,
        ffmpeg_options: str = "",
    ) -> io.NodeOutput:
        """Encode the file, which appears under its name when it is complete."""
        rate = exact_rate(fps)
        chosen = find_preset(preset)
        options = parse_encoder_options(ffmpeg_options)
        base, subfolder = _new_output(filename_prefix, images)
        path = base.with_name(f"{base.name}{chosen.suffixes[0]}")
        _, height, width, channels = images.shape
        has_alpha = channels > 3 and chosen.has_alpha
        if channels > 3 and not has_alpha:
            _log.warning("%s holds no transparency: the alpha channel was left out", path)
        with _audio_file(audio, len(images) / rate) as source:
            writer = VideoWriter(
                path,
                width=width,
                height=height,
                rate=rate,
                preset=chosen.name,
                crf=crf if chosen.has_crf else None,
                options=options,
                has_alpha=has_alpha,
                depth=16 if chosen.is_deep else 8,
                tracks=source,
                metadata=_metadata(cls),
                notify=_log.info,
            )
            rounded = to_uint16 if chosen.is_deep else to_uint8
            with writer:
                for pixels in with_progress(images, len(images)):
                    writer.write(rounded(pixels[..., : 4 if has_alpha else 3]).cpu().numpy())
        saved = ui.SavedResult(path.name, subfolder, io.FolderType.output)
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=_preview(chosen, saved))


def _preview(preset: Preset, saved: ui.SavedResult) -> io.UIOutput | None:
    """Show what a browser can play; the others are in the output folder all the same."""
    codecs = {encoder.codec for encoder in preset.encoders}
    if codecs <= {"h264", "av1", "vp9"}:
        return ui.PreviewVideo([saved])
    if codecs <= {"gif", "webp"}:
        return ui.SavedImages([saved], is_animated=True)
    return None


def _new_output(prefix: str, images: Tensor) -> tuple[Path, str]:
    """Find a name that is free in ComfyUI's output folder; returns it and its subfolder."""
    _, height, width, _ = images.shape
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    return Path(folder) / f"{name}_{counter:05}_", subfolder


def _metadata(node: type[io.ComfyNode]) -> Mapping[str, str]:
    """Collect what lets ComfyUI's front end restore the graph from the file."""
    if comfy_args.disable_metadata:
        return {}
    tags: dict[str, Any] = dict(node.hidden.extra_pnginfo or {})
    if node.hidden.prompt is not None:
        tags["prompt"] = node.hidden.prompt
    return {key: json.dumps(value) for key, value in tags.items()}


@contextmanager
def _audio_file(
    audio: dict[str, Any] | None, duration: Fraction
) -> Generator[SourceTracks | None, None, None]:
    """Lend the first ``duration`` seconds of ComfyUI's AUDIO as a file."""
    if audio is None:
        yield None
        return
    rate = audio["sample_rate"]
    waveform: Tensor = audio["waveform"][0, :, : ceil(duration * rate)]  # [B, C, T] -> [C, T]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.wav"
        write_wav(path, waveform, rate)
        yield SourceTracks(path, ("pcm_s16le",))
