"""Files that nodes write: names, embedded metadata and previews; and audio on its way into them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import folder_paths
from comfy.cli_args import args as comfy_args
from comfy_api.latest import io, ui
from torch import Tensor

from ...vfi.encode import EncodingSettings, find_preset
from ...vfi.tracks import AudioStream, SourceTracks
from ...vfi.write import write_wav


def preview(encoding: EncodingSettings, path: Path, subfolder: str) -> io.UIOutput | None:
    """Return the preview of a file in the output folder; None if browsers cannot play it."""
    preset = find_preset(encoding.preset)
    saved = ui.SavedResult(path.name, subfolder, io.FolderType.output)
    codecs = {encoder.codec for encoder in preset.encoders}
    if codecs <= {"h264", "av1", "vp9"}:
        return ui.PreviewVideo([saved])
    if codecs <= {"gif", "webp"}:
        return ui.SavedImages([saved], is_animated=True)
    return None


def new_output(prefix: str, width: int, height: int) -> tuple[Path, str]:
    """Find a free name in ComfyUI's output folder; returns the path and its subfolder."""
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    return Path(folder) / f"{name}_{counter:05}_", subfolder


def metadata_of(node: type[io.ComfyNode]) -> Mapping[str, str]:
    """Collect the tags from which ComfyUI's front end restores the workflow."""
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
    """Write the first ``duration`` seconds of an AUDIO to a temporary WAV file."""
    if audio is None:
        yield None
        return
    rate = audio["sample_rate"]
    waveform: Tensor = audio["waveform"][0, :, : ceil(duration * rate)]  # [B, C, T] -> [C, T]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audio.wav"
        write_wav(path, waveform, rate)
        yield SourceTracks(path, (AudioStream(0, "pcm_s16le"),))
