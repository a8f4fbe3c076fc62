"""What of other packs' nodes becomes what of ours, and what does not."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rife_arch.catalog import load_catalog, version_key
from vfi.errors import InputError, quoted

from .earlier import update
from .forms import (
    CORE_INTERPOLATE,
    CORE_LOADER,
    INTERPOLATE,
    LOAD_MODEL,
    OTHER_VFI,
    RIFE_VFI,
    STATE_LIST,
    Form,
)
from .graph import Change, Graph, Link, NodeId
from .report import Report
from .workflow import open_workflow

_SCALES = {0.25: "0.25", 0.5: "0.5", 1.0: "1", 2.0: "2", 4.0: "4"}
_PRECISIONS = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_MOST_MULTI = 64
_LOADER = Change(LOAD_MODEL, {"model_name": "model"})
_INTERPOLATE = Change(INTERPOLATE, {"multiplier": "mode.multi", "scale_factor": "scale"})
# A workflow is JSON of any shape: a field may be missing, of another kind, or far too deep. Whatever
# that does to the code that looks at it is the workflow's fault.
_DAMAGE = (LookupError, TypeError, AttributeError, ValueError, RecursionError)
# Nodes that give as many frames as they take -> the input that takes them.
_SAME_FRAMES = {
    "Reroute": "",
    "ImageScale": "image",
    "ImageScaleBy": "image",
    "ImageScaleToTotalPixels": "image",
    "ImageUpscaleWithModel": "image",
    "ImageCrop": "image",
    "SAFAEnhance": "images",
}
# Nodes that give images and their rate -> the output with the rate.
_RATES = {"GetVideoComponents": 2, INTERPOLATE.type: 1}


class _CannotMapError(Exception):
    """A node cannot become one of ours; the message says why, and what to do."""


def migrate_workflow(workflow: Any) -> tuple[Any, Report]:
    """Switch a workflow over.

    Args:
        workflow: as ComfyUI saves it, or its API form; left as it is.

    Returns:
        The new workflow, and what happened.

    Raises:
        InputError: it is no workflow, or damaged.
    """
    try:
        migrated = copy.deepcopy(workflow)
        report = Report()
        for graph in open_workflow(migrated):
            update(graph, report)
            _Migration(graph, report).run()
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"workflow: a node or a link in it is not as ComfyUI writes it ({_named(error)}). "
            "Open it in ComfyUI and save it again."
        ) from error
    return migrated, report


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {quoted(str(error))}"


class _Migration:
    """Switches one graph over."""

    def __init__(self, graph: Graph, report: Report) -> None:
        self._graph = graph
        self._report = report
        self._loaders: dict[tuple[object, ...], NodeId] = {}
        self._switched: list[NodeId] = []

    def run(self) -> None:
        graph = self._graph
        for node in graph.nodes_of(RIFE_VFI.type):
            self._try(node, self._switch_rife_vfi)
        for node in graph.nodes_of(STATE_LIST.type):
            if not graph.targets_of(node):
                graph.remove(node)
        for node in graph.nodes_of(CORE_LOADER.type):
            self._try(node, self._switch_core)
        for node in graph.nodes_of(CORE_INTERPOLATE.type):
            self._leave(node, "its model does not come from a loader that was switched.")
        for kind in OTHER_VFI:
            for node in graph.nodes_of(kind):
                self._leave(node, "another method, of which this pack has none.")
        for node in self._switched:
            self._set_rate(node)

    def _try(self, node: NodeId, switch: Any) -> None:
        try:
            switch(node)
        except _CannotMapError as reason:
            self._leave(node, str(reason))

    def _leave(self, node: NodeId, reason: str) -> None:
        self._report.left.append(f"node {node}, {self._graph.type_of(node)}: {reason}")

    def _switch(
        self, node: NodeId, was: Form, change: Change, inputs: Mapping[str, object]
    ) -> None:
        self._graph.replace(node, change, inputs)
        self._report.tell(node, was.type, change.form, inputs)
        if change.form is INTERPOLATE:
            self._switched.append(node)

    def _set_rate(self, node: NodeId) -> None:
        """Connect ``source_fps``, of which the old node knew nothing, when all nodes are switched."""
        inputs = self._graph.inputs(node, INTERPOLATE)
        rate = self._rate_of(inputs.get("images"))
        if rate is not None:
            change = Change(INTERPOLATE, keeps_look=True)
            self._graph.replace(node, change, inputs | {"source_fps": rate})
        else:
            self._report.note(
                f"node {node}: type the clip's rate in source_fps, 16 for Wan, 24 for LTX and "
                "Hunyuan. The old node knew none."
            )

    def _rate_of(self, images: object) -> Link | None:
        """Follow images upstream to a node that knows their rate."""
        seen: set[NodeId] = set()
        while isinstance(images, Link) and images.origin not in seen:
            seen.add(images.origin)
            kind = self._graph.type_of(images.origin) or ""
            if kind in _RATES:
                return Link(images.origin, _RATES[kind], 0.0)
            if kind not in _SAME_FRAMES:
                return None
            taken = self._graph.inputs(images.origin, Form(kind, (), (), ()))
            images = taken.get(_SAME_FRAMES[kind])
        return None

    # --- ComfyUI-Frame-Interpolation -------------------------------------------------------------

    def _switch_rife_vfi(self, node: NodeId) -> None:
        given = self._graph.inputs(node, RIFE_VFI)
        for name in ("ckpt_name", "ensemble", "dtype", "torch_compile", "scale_factor"):
            if isinstance(given[name], Link):
                raise _CannotMapError(f"{name} is connected. Set it in the node and try again.")
        inputs = self._timing(given)
        inputs |= _connected(given, "frames", "images") | self._cuts(given)
        inputs["scale"] = _known(_SCALES, _number(given["scale_factor"]), "scale_factor")
        if given["ensemble"] and "426" not in version_key(str(given["ckpt_name"])):
            inputs["quality"] = "better"
            self._report.note(
                "ensemble was on: quality is better, which averages with the reversed pair too. "
                "fast takes half the time."
            )
        inputs["model"] = Link(self._loader_before(node, given), 0)
        self._switch(node, RIFE_VFI, _INTERPOLATE, inputs)
        self._note_on_cuts()

    def _loader_before(self, node: NodeId, given: Mapping[str, object]) -> NodeId:
        inputs = {
            "model": _model_name(str(given["ckpt_name"])),
            "precision": _known(_PRECISIONS, str(given["dtype"]), "dtype"),
            "torch_compile": given["torch_compile"],
        }
        key = tuple(inputs.values())
        if key not in self._loaders:
            self._loaders[key] = self._graph.add(LOAD_MODEL, inputs, node)
            self._report.done.append(
                f"node {self._loaders[key]}: new, {LOAD_MODEL.type} with model {inputs['model']}, "
                f"precision {inputs['precision']}"
            )
        return self._loaders[key]

    def _timing(self, given: Mapping[str, object]) -> dict[str, object]:
        multiplier = given["multiplier"]
        if isinstance(multiplier, Link):
            origin = self._graph.type_of(multiplier.origin) or "the subgraph's input"
            self._report.note(
                f"multi is connected to {origin}. If that gives a list, one multiplier for each "
                "pair of frames, use mode speed ramp instead."
            )
            return {"mode.multi": multiplier}
        if isinstance(multiplier, Sequence) and not isinstance(multiplier, str):
            raise _CannotMapError(
                "its multiplier is a list, one for each pair of frames. Use RIFE Interpolate in mode "
                "speed ramp: a pair that got m - 1 new frames plays at 1/m of the speed."
            )
        return {"mode.multi": _require_multi(multiplier)}

    def _note_on_cuts(self) -> None:
        self._report.note(
            "cuts are found now, and nothing is interpolated across them; scene_threshold 0 turns "
            "that off."
        )

    def _cuts(self, given: Mapping[str, object]) -> dict[str, object]:
        states = given.get("optional_interpolation_states")
        if not isinstance(states, Link):
            return {}
        if self._graph.type_of(states.origin) != STATE_LIST.type:
            raise _CannotMapError("its list of skipped pairs comes from an unknown node.")
        listed = self._graph.inputs(states.origin, STATE_LIST)
        indices = listed["frame_indices"]
        if isinstance(indices, Link):
            raise _CannotMapError("the list of skipped pairs is connected. Write it into its node.")
        if not listed["is_skip_list"]:
            raise _CannotMapError(
                "its list names the pairs to interpolate, and how many others there are is not in "
                "a workflow. List the pairs to skip instead."
            )
        cuts = [str(int(number) + 1) for number in re.findall(r"\d+", str(indices))]
        self._report.note(
            "skipped pairs are cuts: frame k skipped is a cut at frame k + 1. The frame before is "
            "held as long as new ones would take, so the clip keeps its length and sound its place."
        )
        return {"cuts": ", ".join(cuts), "at_cut": "hold"}

    # --- ComfyUI's own ---------------------------------------------------------------------------

    def _switch_core(self, loader: NodeId) -> None:
        graph = self._graph
        name = graph.inputs(loader, CORE_LOADER)["model_name"]
        file = str(name.stored if isinstance(name, Link) else name)
        if "film" in file.lower():
            raise _CannotMapError(f"{file} is a FILM network, and this pack has RIFE only.")
        users = self._users_of(loader)
        given = [graph.inputs(node, CORE_INTERPOLATE) for node in users]
        model = _model_name(file)
        inputs: dict[str, object] = {
            "model": replace(name, stored=model) if isinstance(name, Link) else model
        }
        self._switch(loader, CORE_LOADER, _LOADER, inputs)
        for node, own in zip(users, given, strict=True):
            inputs = {"model": own["interp_model"], "mode.multi": own["multiplier"]}
            inputs |= _connected(own, "images", "images")
            self._switch(node, CORE_INTERPOLATE, _INTERPOLATE, inputs)
        self._note_on_cuts()

    def _users_of(self, loader: NodeId) -> list[NodeId]:
        """List the nodes that a model goes to, also by way of reroutes."""
        users: list[NodeId] = []
        waiting = [loader]
        seen: set[NodeId] = set()
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            for target in self._graph.targets_of(node):
                kind = self._graph.type_of(target)
                if kind == CORE_INTERPOLATE.type:
                    users.append(target)
                elif kind == "Reroute":
                    waiting.append(target)
                else:
                    raise _CannotMapError(
                        f"its model also goes to {kind or 'the output of a subgraph'}, which may "
                        "not take one of this pack. Give that a loader of its own."
                    )
        return users


def _connected(given: Mapping[str, object], name: str, new_name: str) -> dict[str, object]:
    return {new_name: given[name]} if name in given else {}


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _known(names: Mapping[Any, str], value: object, name: str) -> str:
    if value not in names:
        raise _CannotMapError(f"{name} has a value that there is not. Choose another in the node.")
    return names[value]


def _require_multi(multiplier: object) -> int:
    number = _number(multiplier)
    if number is None or not number.is_integer() or not 2 <= number <= _MOST_MULTI:
        raise _CannotMapError(
            f"multiplier is {quoted(str(multiplier))}, and multi goes from 2 to {_MOST_MULTI}. Take the node out, "
            "or choose another."
        )
    return int(number)


def _model_name(file: str) -> str:
    """Return the version that a file is called by, else the file, which the loader finds as well."""
    stem = Path(file).stem
    if re.match("rife|flownet", stem, re.IGNORECASE):
        for entry in load_catalog():
            if version_key(entry.name) == version_key(stem):
                return entry.name
    return file
