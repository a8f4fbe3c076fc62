"""Small clips of every kind that the runs work on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from tests.helpers.clips import moving_pictures, write_clip, write_pictures
from tests.helpers.networks import TINY_CONFIG, preset_config, random_weights, save_enhancer


def make_material(folder: Path) -> Path:
    """Make the clips, checkpoints and masks; returns the folder."""
    folder.mkdir()
    torch.save(random_weights(TINY_CONFIG, seed=0), folder / "tiny.pth")
    torch.save(random_weights(preset_config("4.0"), seed=0), folder / "old.pth")
    save_enhancer(folder / "enhancer.pkl")
    _make_clips(folder)
    _make_tracks(folder)
    _make_pictures(folder)
    return folder


def _make_clips(folder: Path) -> None:
    smooth = _scene(1, 12)
    write_clip(folder / "clip.mkv", smooth)
    write_clip(folder / "other.mkv", _scene(2, 4))
    write_clip(folder / "scenes.mkv", [*_scene(1, 6), *_scene(5, 6)])
    write_clip(folder / "doubled.mkv", [picture for picture in _scene(3, 8) for _ in range(2)])
    write_clip(folder / "odd.mkv", moving_pictures(4, width=65, height=47))
    write_clip(folder / "ntsc.mkv", smooth[:6], "30000/1001")
    write_clip(folder / "talkie.mp4", smooth, sound="aac")
    write_clip(folder / "long.mkv", moving_pictures(140))
    source = ["-i", folder / "clip.mkv"]
    _ffmpeg(*source, "-c:v", "ffv1", "-pix_fmt", "yuv422p10le", folder / "deep.mkv")
    _ffmpeg(*source, "-vf", "fps=12,split[a][b];[a]palettegen[p];[b][p]paletteuse",
            folder / "moving.gif")  # fmt: skip
    _ffmpeg(*source, "-vf", "setpts=N*N/240/TB", "-fps_mode", "vfr", "-c:v", "ffv1",
            folder / "variable.mkv")  # fmt: skip
    _ffmpeg(*source, "-vf", "setsar=4/3", "-c:v", "ffv1", folder / "anamorphic.mkv")
    rgba = "format=bgra,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*X/W'"
    _ffmpeg(*source, "-vf", rgba, "-c:v", "ffv1", "-pix_fmt", "bgra", folder / "alpha.mkv")
    pictures = [Image.fromarray(picture) for picture in smooth[:5]]
    pictures[0].save(folder / "moving.webp", save_all=True, append_images=pictures[1:],
                     duration=[62, 63, 62, 63, 62], lossless=True)  # fmt: skip


def _make_tracks(folder: Path) -> None:
    """Make a film with two sound tracks, subtitles, chapters and a title."""
    (folder / "lines.srt").write_text(
        "1\n00:00:00,100 --> 00:00:00,300\nHello\n\n2\n00:00:00,350 --> 00:00:00,480\nthere\n"
    )
    (folder / "chapters.txt").write_text(
        ";FFMETADATA1\ntitle=A film\nartist=Somebody\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=250\ntitle=First\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=250\nEND=500\ntitle=Second\n"
    )
    _ffmpeg(
        *("-i", folder / "clip.mkv", "-f", "lavfi", "-i", "sine=duration=0.5"),
        *("-f", "lavfi", "-i", "sine=880:duration=0.5", "-i", folder / "lines.srt"),
        *("-i", folder / "chapters.txt", "-map_metadata", 4, "-map_chapters", 4),
        *("-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:s", "-c:v", "copy"),
        *("-c:a:0", "aac", "-c:a:1", "flac", "-c:s", "srt"),
        *("-metadata:s:a:0", "language=deu", "-metadata:s:s:0", "language=eng"),
        folder / "film.mkv",
    )


def _make_pictures(folder: Path) -> None:
    write_pictures(folder / "pictures", _scene(4, 4))
    mask = np.zeros((96, 128), np.uint8)
    mask[:, :40] = 255
    Image.fromarray(mask).save(folder / "mask.png")


def _scene(seed: int, count: int, width: int = 128, height: int = 96) -> list[np.ndarray]:
    """Smooth colours that wander 2 px to the right with each picture."""
    rng = np.random.RandomState(seed)
    small = Image.fromarray(rng.randint(0, 256, (6, 8, 3)).astype(np.uint8))
    texture = np.array(small.resize((width, height), Image.Resampling.BICUBIC))
    return [np.roll(texture, 2 * number, axis=1) for number in range(count)]


def _ffmpeg(*arguments: object) -> None:
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True)
