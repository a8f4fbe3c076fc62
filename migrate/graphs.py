"""The two forms of a workflow behind one interface: nodes with inputs that are values or links.

The *API form* is what a server runs: node id -> class and inputs by name. The *UI form* is what the
front end saves: nodes with slots and positions, links with ids of their own, subgraphs as further
graphs beside the main one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vfi.errors import InputError

from .forms import Form

NodeId = int | str
_PACK = "practical-rife"  # in the registry, for ComfyUI-Manager
_WIDTH, _ROW, _MARGIN = 270, 24, 40  # px, of a node and of what stands in it
_GAP = 40  # px between two nodes
# Fields of a link in the UI form: a list in the main graph, an object in a subgraph.
_LINK_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


@dataclass(frozen=True, slots=True)
class Link:
    """Where an input comes from.

    Attributes:
        origin: a node.
        slot: which of its outputs.
        stored: the value that the widget keeps meanwhile, None for a socket. It counts where the
            widget is shown by a subgraph's node, which is a link as well.
    """

    origin: NodeId
    slot: int
    stored: object = None


class Graph(ABC):
    """A graph that can be changed; the workflow it was made of changes with it."""

    @abstractmethod
    def nodes_of(self, kind: str) -> list[NodeId]:
        """List the nodes of a type."""

    @abstractmethod
    def type_of(self, node: NodeId) -> str | None:
        """Return the type of a node, None if there is no such node in this graph."""

    @abstractmethod
    def inputs(self, node: NodeId, form: Form) -> dict[str, object]:
        """Return values, where none is stored the default, and a :class:`Link` where connected."""

    @abstractmethod
    def replace(self, node: NodeId, form: Form, inputs: Mapping[str, object]) -> None:
        """Make a node one of another kind, whose outputs begin with the same ones.

        Args:
            node: keeps its id, its place and what is connected to its outputs.
            form: of the new kind.
            inputs: values and links; what is left out keeps its default.
        """

    @abstractmethod
    def add(self, form: Form, inputs: Mapping[str, object], before: NodeId) -> NodeId:
        """Add a node that has values only, left of another one, and return its id."""

    @abstractmethod
    def targets_of(self, node: NodeId) -> list[NodeId]:
        """List the nodes that something of this one is connected to."""

    @abstractmethod
    def remove(self, node: NodeId) -> None:
        """Take out a node that nothing is connected to."""


class _ApiGraph(Graph):
    """A workflow in API form."""

    def __init__(self, nodes: dict[str, dict[str, Any]]) -> None:
        self._nodes = nodes

    def nodes_of(self, kind: str) -> list[NodeId]:
        return [node for node, data in self._nodes.items() if data["class_type"] == kind]

    def type_of(self, node: NodeId) -> str | None:
        return self._nodes[str(node)]["class_type"] if node in self._nodes else None

    def inputs(self, node: NodeId, form: Form) -> dict[str, object]:
        given = self._nodes[str(node)]["inputs"]
        return form.defaults | {name: self._read(value) for name, value in given.items()}

    def replace(self, node: NodeId, form: Form, inputs: Mapping[str, object]) -> None:
        self._nodes[str(node)] = self._describe(form, inputs)

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
        written = {
            name: [value.origin, value.slot] if isinstance(value, Link) else value
            for name, value in (form.defaults | dict(inputs)).items()
        }
        return {"class_type": form.type, "inputs": written, "_meta": {"title": form.type}}


class _UiGraph(Graph):
    """The main graph of a workflow in UI form, or a subgraph."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        data["links"] = [link for link in data["links"] if link]  # null, where one was deleted
        self._nodes: dict[NodeId, dict[str, Any]] = {node["id"]: node for node in data["nodes"]}

    def nodes_of(self, kind: str) -> list[NodeId]:
        return [node for node, data in self._nodes.items() if data["type"] == kind]

    def type_of(self, node: NodeId) -> str | None:
        return self._nodes[node]["type"] if node in self._nodes else None

    def inputs(self, node: NodeId, form: Form) -> dict[str, object]:
        data = self._nodes[node]
        values = data.get("widgets_values") or []
        by_name = (
            values if isinstance(values, dict) else dict(zip(form.defaults, values, strict=False))
        )
        found = form.defaults | by_name
        links = {link["id"]: link for link in self._links()}
        for slot in data.get("inputs", ()):
            if link := links.get(slot.get("link")):
                stored = found.get(slot["name"])
                found[slot["name"]] = Link(link["origin_id"], link["origin_slot"], stored)
        return found

    def replace(self, node: NodeId, form: Form, inputs: Mapping[str, object]) -> None:
        data = self._nodes[node]
        for slot in data.get("inputs", ()):
            self._disconnect(slot.get("link"))
        old_outputs = data.get("outputs", [])
        data |= self._describe(form, inputs)
        for new, old in zip(data["outputs"], old_outputs, strict=False):
            new["links"] = old.get("links") or []
        self._set_link_types(node, form)
        data.pop("title", None)
        data["size"] = [_WIDTH, _ROW * len(data["inputs"]) + _MARGIN]
        self._connect(node, inputs)

    def add(self, form: Form, inputs: Mapping[str, object], before: NodeId) -> NodeId:
        x, y = _position(self._nodes[before])
        node = self._new_id("node", self._nodes)
        described = self._describe(form, inputs)
        data = {
            "id": node,
            "pos": [x - _WIDTH - _GAP, y],
            "size": [_WIDTH, _ROW * len(described["inputs"]) + _MARGIN],
            "flags": {},
            "order": 0,
            "mode": self._nodes[before].get("mode", 0),
            **described,
        }
        self._data["nodes"].append(data)
        self._nodes[node] = data
        return node

    def targets_of(self, node: NodeId) -> list[NodeId]:
        return [link["target_id"] for link in self._links() if link["origin_id"] == node]

    def remove(self, node: NodeId) -> None:
        data = self._nodes.pop(node)
        for slot in data.get("inputs", ()):
            self._disconnect(slot.get("link"))
        self._data["nodes"].remove(data)

    def rename_promoted(self, owner: str, node: NodeId, names: Mapping[str, str]) -> None:
        for data in self._nodes.values():
            if data["type"] == owner:
                for promoted in data.get("properties", {}).get("proxyWidgets", ()):
                    if promoted[0] == str(node):
                        promoted[1] = names.get(promoted[1], promoted[1])

    def _describe(self, form: Form, inputs: Mapping[str, object]) -> dict[str, Any]:
        values = {
            name: value.stored if isinstance(value := inputs.get(name, default), Link) else value
            for name, default in form.defaults.items()
        }
        slots: list[dict[str, Any]] = [
            {"name": name, "type": kind, "link": None} for name, kind in form.sockets
        ]
        slots += [
            {"name": name, "type": kind, "widget": {"name": name}, "link": None}
            for name, kind, _ in form.widgets
        ]
        return {
            "type": form.type,
            "inputs": slots,
            "outputs": [{"name": name, "type": kind, "links": []} for name, kind in form.outputs],
            "properties": {"Node name for S&R": form.type, "cnr_id": _PACK},
            "widgets_values": list(values.values()),
        }

    def _connect(self, node: NodeId, inputs: Mapping[str, object]) -> None:
        for number, slot in enumerate(self._nodes[node]["inputs"]):
            origin = inputs.get(slot["name"])
            if isinstance(origin, Link):
                slot["link"] = self._add_link(origin, node, number, slot["type"])

    def _add_link(self, origin: Link, node: NodeId, slot: int, kind: str) -> int:
        number = self._new_id("link", [link["id"] for link in self._links()])
        fields = (number, origin.origin, origin.slot, node, slot, kind)
        is_subgraph = "inputNode" in self._data
        link = dict(zip(_LINK_FIELDS, fields, strict=True)) if is_subgraph else list(fields)
        self._data["links"].append(link)
        for ending in self._endings(origin):
            ending.append(number)
        return number

    def _disconnect(self, number: int | None) -> None:
        for link in list(self._data["links"]):
            fields = _fields(link)
            if fields["id"] == number:
                for ending in self._endings(Link(fields["origin_id"], fields["origin_slot"])):
                    ending.remove(fields["id"])
                self._data["links"].remove(link)

    def _endings(self, origin: Link) -> Iterator[list[int]]:
        """Yield the list of links that an output keeps; of a subgraph's own input as well."""
        if origin.origin in self._nodes:
            output = self._nodes[origin.origin]["outputs"][origin.slot]
            output["links"] = output.get("links") or []
            yield output["links"]
        elif "inputNode" in self._data:
            yield self._data["inputs"][origin.slot].setdefault("linkIds", [])

    def _links(self) -> Iterator[dict[str, Any]]:
        return (_fields(link) for link in self._data["links"])

    def _set_link_types(self, node: NodeId, form: Form) -> None:
        for link in self._data["links"]:
            fields = _fields(link)
            if fields["origin_id"] == node:
                _, kind = form.outputs[fields["origin_slot"]]
                link["type" if isinstance(link, dict) else -1] = kind

    def _new_id(self, kind: str, known: Iterable[NodeId]) -> int:
        """Take the next number, and note that it is taken where the graph counts."""
        state = self._data.get("state", {})
        counters = [(self._data, f"last_{kind}_id"), (state, f"last{kind.title()}Id")]
        counters = [(counter, key) for counter, key in counters if key in counter]
        numbers = [number for number in known if isinstance(number, int)]
        number = max([0, *numbers, *(counter[key] for counter, key in counters)]) + 1
        for counter, key in counters:
            counter[key] = number
        return number


def _fields(link: Any) -> dict[str, Any]:
    """Return a link as an object."""
    return link if isinstance(link, dict) else dict(zip(_LINK_FIELDS, link, strict=True))


def _position(node: Mapping[str, Any]) -> tuple[float, float]:
    position = node.get("pos") or (0, 0)
    if isinstance(position, dict):  # as front ends before 2024 wrote it
        return position["0"], position["1"]
    return position[0], position[1]


@dataclass(frozen=True, slots=True)
class Opened:
    """The graphs of a workflow.

    Attributes:
        main: the graph itself.
        subgraphs: id -> graph; none in API form.
    """

    main: Graph
    subgraphs: Mapping[str, Graph]

    @property
    def all(self) -> list[Graph]:
        """The main graph first."""
        return [self.main, *self.subgraphs.values()]

    def rename_promoted(self, owner: str, node: NodeId, names: Mapping[str, str]) -> None:
        """Tell the nodes of a subgraph that a widget within it has another name.

        Args:
            owner: the subgraph's id, which is the type of its nodes.
            node: the node within it.
            names: old name -> new name.
        """
        for graph in self.all:
            if isinstance(graph, _UiGraph):
                graph.rename_promoted(owner, node, names)


def open_workflow(workflow: Any) -> Opened:
    """Recognise the form of a workflow.

    Raises:
        InputError: it is none.
    """
    if isinstance(workflow, dict) and isinstance(workflow.get("nodes"), list):
        definitions = workflow.get("definitions", {}).get("subgraphs", ())
        return Opened(_UiGraph(workflow), {data["id"]: _UiGraph(data) for data in definitions})
    nodes = workflow.get("prompt", workflow) if isinstance(workflow, dict) else None
    if isinstance(nodes, dict) and nodes and all(map(_is_api_node, nodes.values())):
        return Opened(_ApiGraph(nodes), {})
    raise InputError(
        "workflow: this is not one that ComfyUI saved or exported (API). "
        "Open it in ComfyUI and save it again."
    )


def _is_api_node(node: Any) -> bool:
    return isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
