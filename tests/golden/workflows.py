"""Workflows that use every node, run by a real ComfyUI."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.golden.contents import describe_folder
from tests.helpers.comfy_server import Comfy, HostError, find_host

Nodes = dict[str, dict[str, Any]]


def run_workflows(material: Path, base: Path) -> dict[str, Any]:
    """Run every workflow; returns what each made, nothing where there is no ComfyUI."""
    try:
        host = find_host()
    except HostError:
        return {}
    server = Comfy(host, base)
    try:
        models = base / "models" / "frame_interpolation"
        for name in ("tiny.pth", "enhancer.pkl"):
            shutil.copy(material / name, models)
        for source in material.iterdir():
            if source.is_file():
                shutil.copy(source, base / "input")
        server.wait_until_ready()
        return {f"node: {name}": _run(server, name, nodes) for name, nodes in _workflows()}
    finally:
        server.stop()


def _run(server: Comfy, name: str, nodes: Nodes) -> dict[str, Any]:
    folders = [server.output, server.output.parent / "temp"]
    before = {path for folder in folders for path in folder.rglob("*")}
    ended = server.run({**_SOURCES, **nodes})
    texts = {key: shown["text"] for key, shown in ended.outputs.items() if "text" in shown}
    return {
        "code": int(not ended.succeeded),
        "files": describe_folder(server.output, before),
        # ComfyUI gives these names of its own.
        "shown": list(describe_folder(server.output.parent / "temp", before).values()),
        "texts": texts,
    }


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


_SOURCES: Nodes = {
    "model": _node("RIFELoadModel", model="tiny.pth", precision="fp32"),
    "net": _node("SAFALoadModel", model="enhancer.pkl", precision="fp32"),
    "talkie": _node("LoadVideo", file="talkie.mp4"),
    "film": _node("LoadVideo", file="film.mkv"),
    "alpha": _node("LoadVideo", file="alpha.mkv"),
    "scenes": _node("LoadVideo", file="scenes.mkv"),
    "parts": _node("GetVideoComponents", video=["talkie", 0]),
    "cut": _node("GetVideoComponents", video=["scenes", 0]),
}
_MODEL = {"model": ["model", 0], "source_fps": 24.0, "scale": "1"}


def _timed(mode: str, **settings: Any) -> dict[str, Any]:
    return {"mode": mode, **{f"mode.{name}": value for name, value in settings.items()}}


def _exported(name: str, **nodes: dict[str, Any]) -> tuple[str, Nodes]:
    """Export what node "out" gives, and show its other outputs."""
    return name, {
        **nodes,
        "png": _node("ExportPNGRIFE", images=["out", 0], filename_prefix=f"{name}/RIFE"),
    }


def _video(name: str, mode: str = "multiplier", source: str = "talkie", **inputs: Any) -> Nodes:
    given: dict[str, Any] = {"source_fps": 0.0, "preset": "lossless", "crf": 20, "audio": "copy"}
    inputs = {key.replace("mode_", "mode."): value for key, value in inputs.items()}
    fixed = {**_MODEL, "video": [source, 0], "mode": mode, "filename_prefix": f"{name}/RIFE"}
    return {"out": _node("RIFEInterpolateVideo", **{**fixed, **given, **inputs})}


def _workflows() -> Iterator[tuple[str, Nodes]]:
    images = {**_MODEL, "images": ["parts", 0]}
    for key, options in {
        "plain": {},
        "options": {"quality": "better", "loop": True, "cuts": "4", "at_cut": "blend"},
        "rest": {"duplicates": "smooth", "end": "full-duration", "scene_threshold": 0.1},
    }.items():
        yield _exported(
            f"interpolate {key}",
            out=_node("RIFEInterpolate", **_timed("multiplier", multi=3), **images, **options),
        )
    for key, mode in {
        "retime": _timed("speed", speed=0.5, target_fps=59.94),
        "ramp": _timed("speed ramp", ramp="0:1 0.2:0.5 0.4:2", target_fps=59.94),
    }.items():
        yield _exported(key, out=_node("RIFEInterpolate", **mode, **images))
    clips = {"clips.clip_1": ["parts", 0], "clips.clip_2": ["cut", 0]}
    yield _exported("join", out=_node("JoinClipsRIFE", overlap=0, **clips))
    matched = {"match": "mean and spread", "match_frames": 3}
    yield _exported("matched", out=_node("JoinClipsRIFE", overlap=2, **matched, **clips))
    yield _exported("overlap", out=_node("JoinClipsRIFE", overlap=2, **clips))
    found = _node("DetectCutsRIFE", images=["cut", 0], scene_threshold=0.2, fps=24.0)
    texts = {f"text{n}": _node("PreviewAny", source=["found", n]) for n in (0, 1)}
    sheet = _node("ExportPNGRIFE", images=["found", 2], filename_prefix="cuts/RIFE")
    yield "cuts", {"found": found, **texts, "png": sheet}
    smooth = _node("RIFEInterpolate", **_timed("multiplier", multi=2), **images)
    both = {"before": ["parts", 0], "after": ["smooth", 0], "before_fps": 24.0, "after_fps": 48.0}
    for layout in ("side-by-side", "stacked", "split"):
        labels = {"before_label": "{fps} fps", "after_label": "after"}
        out = _node("MontageRIFE", layout=layout, **both, **labels)
        yield _exported(f"montage {layout}", smooth=smooth, out=out)
    compared = _node("CompareClipsRIFE", show="largest difference", **both)
    shown = _node("PreviewAny", source=["compare", 0])
    yield "compare", {"smooth": smooth, "compare": compared, "shown": shown}
    pair = {"model": ["model", 0], "images": ["parts", 0], "scale": "1"}
    motion = _node("PreviewMotionRIFE", frame=1, timestep=0.5, **pair)
    yield _exported("motion", out=motion)
    enhance = {"model": ["net", 0], "images": ["cut", 0]}
    yield _exported("enhance", out=_node("SAFAEnhance", **enhance))
    fixed = {"model": ["net", 0], "preset": "lossless", "crf": 20, "audio": "copy"}
    for source in ("talkie", "alpha"):
        name = f"enhance {source}"
        out = _node("SAFAEnhanceVideo", video=[source, 0], filename_prefix=f"{name}/RIFE", **fixed)
        yield name, {"out": out}
    for preset in ("share", "webm", "gif", "webp", "master", "high-quality", "web"):
        export = _node("ExportVideoRIFE", images=["parts", 0], fps=23.976, crf=22,
                       filename_prefix=f"export {preset}/RIFE", preset=preset,
                       audio=["parts", 1])  # fmt: skip
        yield f"export {preset}", {"video": export}
    deep = _node("ExportPNGRIFE", images=["parts", 0], filename_prefix="deep/RIFE", bit_depth="16",
                 compression=1, workflow_in="no file", dither=True)  # fmt: skip
    yield "deep", {"png": deep}
    yield "video", _video("video", mode_multi=2)
    yield "video target", _video("video target", "target fps", mode_target_fps=60.0, source="film")
    yield "video speed", _video("video speed", "speed", mode_speed=0.5, mode_target_fps=48.0)
    ramp = {"mode_ramp": "0:1 0.3:0.5", "mode_target_fps": 48.0}
    yield "video ramp", _video("video ramp", "speed ramp", **ramp)
    yield "video alpha", _video("video alpha", source="alpha", mode_multi=2, dither=True)
    yield "video cuts", _video("video cuts", source="scenes", mode_multi=3, preset="share")
