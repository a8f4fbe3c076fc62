"""Files that nodes write: names, embedded metadata and previews; and audio on its way into them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import folder_paths
from comfy.cli_args import args as comfy_args
from comfy_api.latest import io, ui
from PIL import Image

from ...vfi.encode import EncodingSettings, find_preset
from ...vfi.errors import InputError, advice_on, quoted
from ...vfi.frames import to_uint8
from ...vfi.read import open_video
from ...vfi.tracks import SourceTracks
from ...vfi.write import wav_tracks, write_wav
from .sound import Sound


@dataclass(frozen=True)
class OutputFile:
    """A file that a node writes.

    Attributes:
        path: of the file.
        subfolder: below ``folder``.
        folder: output, or temp for a file that is not to be kept.
    """

    path: Path
    subfolder: str
    folder: io.FolderType

    @property
    def shown_name(self) -> str:
        """The name below ComfyUI's output folder; empty for a file that is not to be kept."""
        is_kept = self.folder is io.FolderType.output
        return f"{self.subfolder}/{self.path.name}".lstrip("/") if is_kept else ""


def temp_folder() -> Path:
    """Return ComfyUI's folder for what is only looked at, which it empties itself."""
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_playable(encoding: EncodingSettings) -> bool:
    """Whether the front end has a player for the files."""
    codecs = {encoder.codec for encoder in find_preset(encoding.preset).encoders}
    return codecs <= {"h264", "av1", "vp9"}


def preview(encoding: EncodingSettings, file: OutputFile) -> io.UIOutput:
    """Return what the front end shows of a finished file: a player, an animated picture, or a still."""
    saved = ui.SavedResult(file.path.name, file.subfolder, file.folder)
    if _is_playable(encoding):
        return ui.PreviewVideo([saved])
    match file.path.suffix:
        case ".webp":
            return ui.SavedImages([saved], is_animated=True)
        case ".gif":  # the front end would take what is called animated for a video
            return ui.SavedImages([saved])
        case _:
            return ui.SavedImages([_still(file.path)])


def _still(path: Path) -> ui.SavedResult:
    """Save the first frame of a video that browsers do not play, in ComfyUI's temp folder."""
    clip = open_video(path)
    if clip.color.is_hdr:
        clip = clip.tone_mapped()
    with closing(clip.frames()) as frames:
        pixels = to_uint8(next(frames).pixels[..., :3])
    name = f"{path.name}.jpg"
    Image.fromarray(pixels.numpy()).save(temp_folder() / name, quality=90)
    return ui.SavedResult(name, "", io.FolderType.temp)


def new_output(
    prefix: str, width: int, height: int, suffix: str = "", *, is_kept: bool = True
) -> OutputFile:
    """Find a free name in ComfyUI's output folder, or in its temp folder."""
    kind = io.FolderType.output if is_kept else io.FolderType.temp
    root = folder_paths.get_output_directory() if is_kept else folder_paths.get_temp_directory()
    if "\0" in prefix:
        raise _unusable(prefix, kind)
    try:
        prefix.encode()  # a name that is no text is found out here, not by a writer
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            prefix, root, width, height
        )
    except OSError as error:
        raise InputError(
            f"filename_prefix: {quoted(prefix)} cannot be saved in {root} ({error.strerror}). "
            f"{advice_on(error)}"
        ) from error
    except Exception as error:
        raise _unusable(prefix, kind) from error
    return OutputFile(Path(folder) / f"{name}_{counter:05}_{suffix}", subfolder, kind)


def _unusable(prefix: str, kind: io.FolderType) -> InputError:
    return InputError(
        f"filename_prefix: {prefix!r} is no name, or leads out of ComfyUI's {kind.value} folder. Write a "
        "name, with folders before it if you like."
    )


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
    sound: Sound | None, duration: Fraction | None
) -> Generator[SourceTracks | None, None, None]:
    """Write the first ``duration`` seconds of a sound, or all of it, to a temporary WAV file."""
    if sound is None:
        yield None
        return
    length = None if duration is None else ceil(duration * sound.sample_rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audio.wav"
        write_wav(path, sound.waveform[:, :length], sound.sample_rate)
        yield wav_tracks(path)
