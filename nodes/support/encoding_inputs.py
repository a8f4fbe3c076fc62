"""Files that nodes make: their names, what is embedded in them, and how they are shown."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import folder_paths
from comfy.cli_args import args as comfy_args
from comfy_api.latest import io, ui
from torch import Tensor

from ...vfi.encode import (
    DEFAULT_PRESET,
    PRESETS,
    SPEEDS,
    Preset,
    find_preset,
    parse_encoder_options,
)
from ...vfi.tracks import AudioStream, SourceTracks
from ...vfi.write import write_wav

_WITHOUT_SPEEDS = ", ".join(p.name for p in PRESETS.values() if not p.has_speeds)
_WITHOUT_CRF = ", ".join(preset.name for preset in PRESETS.values() if not preset.has_crf)


@dataclass(frozen=True)
class Encoding:
    """The inputs that decide how a video is encoded, by their names."""

    preset: str = DEFAULT_PRESET
    crf: int = 20
    ffmpeg_options: str = ""
    dither: bool = False
    encoder_speed: str = "normal"

    @property
    def chosen(self) -> Preset:
        """The preset itself."""
        return find_preset(self.preset)

    @property
    def options(self) -> Mapping[str, str]:
        """The encoder's options, checked."""
        return parse_encoder_options(self.ffmpeg_options)

    @property
    def kept_crf(self) -> int | None:
        """The quality number, where the preset has one."""
        return self.crf if self.chosen.has_crf else None

    @property
    def kept_speed(self) -> str | None:
        """The encoder's speed, where it is another than usual and the preset has several."""
        is_usual = self.encoder_speed == "normal" or not self.chosen.has_speeds
        return None if is_usual else self.encoder_speed

    @property
    def frame_depth(self) -> int:
        """Bits of a value in the frames that the encoder is given."""
        return self.chosen.frame_depth(dither=self.dither)


def prefix_input(default: str) -> io.Input:
    """Describe the input ``filename_prefix``."""
    return io.String.Input(
        "filename_prefix",
        default=default,
        tooltip="Name of the result in ComfyUI's output folder; a/b puts it into a subfolder. "
        "A number is added, so nothing is overwritten.",
    )


def crf_input() -> io.Input:
    """Describe the input ``crf``."""
    return io.Int.Input(
        "crf",
        default=20,
        min=0,
        max=51,
        display_mode=io.NumberDisplay.slider,
        tooltip="Quality: lower is better and larger. 17 looks lossless, 20 is very "
        "good, 28 is small; in web and webm, 24 is about as good as 20 in share. "
        f"Not for {_WITHOUT_CRF}.",
    )


def preset_input(*, optional: bool) -> io.Input:
    """Describe the input ``preset``."""
    return io.Combo.Input(
        "preset",
        list(PRESETS),
        default=DEFAULT_PRESET,
        optional=optional,
        tooltip="\n".join(f"{p.name}: {p.purpose}" for p in PRESETS.values()),
    )


def resume_input() -> io.Input:
    """Describe the input ``resume``."""
    return io.Boolean.Input(
        "resume",
        default=True,
        optional=True,
        advanced=True,
        tooltip="Keep what a cancelled or crashed run has made, and go on from there when the same "
        "job is queued again. Off: nothing is kept, and each run begins anew.",
    )


def encoder_options_input() -> io.Input:
    """Describe the input ``ffmpeg_options``."""
    return io.String.Input(
        "ffmpeg_options",
        default="",
        optional=True,
        advanced=True,
        tooltip="Options of the encoder, which take precedence, such as: -preset slow -tune film",
    )


def dither_input() -> io.Input:
    """Describe the input ``dither``."""
    return io.Boolean.Input(
        "dither",
        default=False,
        optional=True,
        advanced=True,
        tooltip="Against bands in skies and other gradients where the file has 8 bits: what lies "
        "between two levels is spread over the pixels around. Worth it for PNG, lossless, webm, and "
        "share with a crf of 14 or less; files get larger. Above that the encoder of share smooths "
        "it away. Presets of 10 bits need none.",
    )


def encoder_speed_input() -> io.Input:
    """Describe the input ``encoder_speed``."""
    return io.Combo.Input(
        "encoder_speed",
        list(SPEEDS),
        default="normal",
        optional=True,
        advanced=True,
        tooltip="How long the encoder may search: fast takes less time, for a picture that is a "
        "little worse or a file that is larger; slow is the reverse. "
        f"Not for {_WITHOUT_SPEEDS}.",
    )


def preview(preset: Preset, path: Path, subfolder: str) -> io.UIOutput | None:
    """Show a file of the output folder, if a browser can play it; the others are there all the same."""
    saved = ui.SavedResult(path.name, subfolder, io.FolderType.output)
    codecs = {encoder.codec for encoder in preset.encoders}
    if codecs <= {"h264", "av1", "vp9"}:
        return ui.PreviewVideo([saved])
    if codecs <= {"gif", "webp"}:
        return ui.SavedImages([saved], is_animated=True)
    return None


def new_output(prefix: str, width: int, height: int) -> tuple[Path, str]:
    """Find a name that is free in ComfyUI's output folder; returns it and its subfolder."""
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    return Path(folder) / f"{name}_{counter:05}_", subfolder


def metadata_of(node: type[io.ComfyNode]) -> Mapping[str, str]:
    """Collect what lets ComfyUI's front end restore the graph from the file."""
    if comfy_args.disable_metadata:
        return {}
    tags: dict[str, Any] = dict(node.hidden.extra_pnginfo or {})
    if node.hidden.prompt is not None:
        tags["prompt"] = node.hidden.prompt
    return {key: json.dumps(value) for key, value in tags.items()}


@contextmanager
def audio_file(
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
        yield SourceTracks(path, (AudioStream(0, "pcm_s16le"),))
