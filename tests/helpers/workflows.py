"""Workflows in API form, piece by piece, and what came out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.helpers.clips import read_pictures
from tests.helpers.comfy_server import Comfy, Workflow

NO_CUTS = {"scene_threshold": 0.0}  # two pictures of random colours look like two scenes


def node(class_type: str, **inputs: object) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def load(model: str = "rife_tiny.pth") -> dict[str, Any]:
    return node("RIFELoadModel", model=model, precision="fp32")


def timed(mode: str, **settings: object) -> dict[str, object]:
    """The input "mode" of an interpolating node, and those that belong to it."""
    return {"mode": mode, **{f"mode.{name}": value for name, value in settings.items()}}


def interpolate(
    images: list[Any], multi: int = 2, scale: str = "1", *, fps: float = 16.0, **options: object
) -> dict[str, Any]:
    how = {**timed("multiplier", multi=multi), "source_fps": fps, "scale": scale, **NO_CUTS}
    return node("RIFEInterpolate", model=["model", 0], images=images, **{**how, **options})


def png(prefix: str, images: list[Any], **optional: object) -> dict[str, Any]:
    return node("ExportPNGRIFE", images=images, filename_prefix=prefix, **optional)


def video(prefix: str, images: list[Any], fps: float = 32.0, **optional: object) -> dict[str, Any]:
    how: dict[str, object] = {"filename_prefix": prefix, "preset": "share", "crf": 20}
    return node("ExportVideoRIFE", images=images, fps=fps, **{**how, **optional})


def blank(count: int, width: int = 64, height: int = 64) -> dict[str, Any]:
    return node("EmptyImage", width=width, height=height, batch_size=count, color=0x336699)


def inputs(workflow: Workflow) -> dict[str, Any]:
    """A workflow without what ComfyUI adds to its nodes."""
    return {name: node["inputs"] for name, node in workflow.items()}


PAIR = {
    "first": node("LoadImage", image="frame_0.png"),
    "second": node("LoadImage", image="frame_1.png"),
    "pair": node("ImageBatch", image1=["first", 0], image2=["second", 0]),
}


def smooth_pair(multi: int = 2, scale: str = "1") -> Workflow:
    """A pair of pictures, interpolated: node "smooth"."""
    return {**PAIR, "model": load(), "smooth": interpolate(["pair", 0], multi, scale)}


def shown_files(comfy: Comfy, shown: dict[str, Any]) -> list[Path]:
    """The files that a node gave the front end to show."""
    return [comfy.output / image["subfolder"] / image["filename"] for image in shown["images"]]


def complaint(comfy: Comfy, workflow: Workflow) -> str:
    """What the user reads when a workflow fails."""
    return comfy.run(workflow).messages["execution_error"]["exception_message"]


def refusal(comfy: Comfy, workflow: Workflow, name: str) -> str:
    """What the user reads when a node is refused before the workflow runs: one message."""
    (error,) = comfy.post("/prompt", {"prompt": workflow})["node_errors"][name]["errors"]
    return error["details"]


def everything_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def several(*names: str, **single: dict[str, Any]) -> Workflow:
    """A batch of the named nodes' pictures, in order: node "clip"."""
    workflow: dict[str, dict[str, Any]] = {**PAIR, **single}
    images: list[Any] = [names[0], 0]
    for number, name in enumerate(names[1:]):
        key = "clip" if number == len(names) - 2 else f"part{number}"
        workflow[key] = node("ImageBatch", image1=images, image2=[name, 0])
        images = [key, 0]
    return workflow


def shown(comfy: Comfy, workflow: Workflow, name: str) -> tuple[list[Any], dict[str, str]]:
    """The pictures node "out" gives, and its other outputs as text."""
    texts = {f"text{number}": node("PreviewAny", source=["out", number]) for number in (1, 2)}
    exported = {"png": png(f"{name}/RIFE", ["out", 0])}
    ended = comfy.run({**workflow, "model": load(), **texts, **exported})
    folder = shown_files(comfy, ended.outputs["png"])[0].parent
    return read_pictures(folder), {key: ended.text(key) for key in texts}


def behind_slider(**optional: object) -> dict[str, Any]:
    """The pair at 8 fps before what is made of it at 24, or what is given."""
    given = {"before": ["pair", 0], "after": ["smooth", 0], "before_fps": 8.0, "after_fps": 24.0}
    given |= {"show": "largest difference"}
    return node("CompareClipsRIFE", **(given | optional))
