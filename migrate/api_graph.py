"""The form that a server runs: node id -> class, and inputs by name."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from .forms import Form
from .graph import Change, Graph, Link, NodeId


def open_api(nodes: dict[str, dict[str, Any]]) -> Graph:
    """Open a workflow in API form."""
    return _ApiGraph(nodes)


class _ApiGraph(Graph):
    """A workflow in API form."""

    def __init__(self, nodes: dict[str, dict[str, Any]]) -> None:
        self._nodes = nodes

    def nodes_of(self, kind: str) -> list[NodeId]:
        return [node for node, data in self._nodes.items() if data["class_type"] == kind]

    def type_of(self, node: NodeId) -> str | None:
        return self._nodes[str(node)]["class_type"] if node in self._nodes else None

    def names_of(self, node: NodeId) -> Set[str]:
        return self._nodes[str(node)]["inputs"].keys()

    def promoted(self, node: NodeId) -> Set[str]:  # noqa: ARG002  there are no subgraphs
        return frozenset()

    def fits(self, node: NodeId, form: Form) -> bool:
        given = self._nodes[str(node)]["inputs"]
        needed = {name for name, _, _ in form.widgets_for(given)} - form.optional
        return needed <= given.keys()

    def inputs(self, node: NodeId, form: Form) -> dict[str, object]:
        given = self._nodes[str(node)]["inputs"]
        return form.complete(given) | {name: self._read(value) for name, value in given.items()}

    def replace(self, node: NodeId, change: Change, inputs: Mapping[str, object]) -> None:
        data = self._nodes[str(node)]
        described = self._describe(change.form, inputs)
        if change.keeps_look:
            del described["_meta"]
            self._nodes[str(node)] = data | described
        else:
            self._nodes[str(node)] = described
        for target in self._nodes.values():
            for name, value in target["inputs"].items():
                if isinstance(read := self._read(value), Link) and read.origin == node:
                    target["inputs"][name] = [node, change.slot(read.slot)]

    def rename_node(self, node: NodeId, kind: str) -> None:
        self._nodes[str(node)]["class_type"] = kind

    def rename_type(self, old: str, new: str) -> None:
        """Do nothing: links have no type in this form."""

    def add(self, form: Form, inputs: Mapping[str, object], before: NodeId) -> NodeId:
        node = f"{before}_{form.type}"
        self._nodes[node] = self._describe(form, inputs)
        return node

    def targets_of(self, node: NodeId) -> list[NodeId]:
        return [
            target
            for target, data in self._nodes.items()
            for value in data["inputs"].values()
            if isinstance(read := self._read(value), Link) and read.origin == node
        ]

    def remove(self, node: NodeId) -> None:
        del self._nodes[str(node)]

    @staticmethod
    def _read(value: Any) -> object:
        match value:
            case [str(origin), int(slot)]:
                return Link(origin, slot)
            case {"__value__": plain}:  # how ComfyUI tells a list from a link
                return plain
            case _:
                return value

    @staticmethod
    def _describe(form: Form, inputs: Mapping[str, object]) -> dict[str, Any]:
        sockets = {name: inputs[name] for name, _ in form.sockets if name in inputs}
        written = {
            name: [value.origin, value.slot] if isinstance(value, Link) else value
            for name, value in (sockets | form.complete(inputs)).items()
        }
        return {"class_type": form.type, "inputs": written, "_meta": {"title": form.type}}
