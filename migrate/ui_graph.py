"""The form that the front end saves: nodes with slots and places, links with ids of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from .forms import Form
from .graph import Change, Graph, Link, NodeId

_PACK = "practical-rife"  # in the registry, for ComfyUI-Manager
_NAME = "Node name for S&R"  # property: what texts such as %KSampler.seed% call the node
_WIDTH, _ROW, _MARGIN = 270, 24, 40  # px, of a node and of what stands in it
_GAP = 40  # px between two nodes
# Fields of a link: a list in the main graph, an object in a subgraph.
_LINK_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def open_ui(workflow: dict[str, Any]) -> list[Graph]:
    """Open a workflow in UI form: the main graph, and the subgraphs."""
    subgraphs = workflow.get("definitions", {}).get("subgraphs", ())
    graphs = [_UiGraph(data) for data in (workflow, *subgraphs)]
    for graph in graphs:
        graph.find_hosts(graphs)
    return [*graphs]


class _UiGraph(Graph):
    """The main graph of a workflow in UI form, or a subgraph."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        data["links"] = [link for link in data["links"] if link]  # null, where one was deleted
        self._nodes: dict[NodeId, dict[str, Any]] = {node["id"]: node for node in data["nodes"]}
        self._hosts: list[tuple[_UiGraph, NodeId]] = []

    def find_hosts(self, graphs: Iterable[_UiGraph]) -> None:
        """Note the nodes that stand for this subgraph, which may show widgets from within it.

        Args:
            graphs: of the whole workflow.
        """
        kind = self._data.get("id", "")
        self._hosts = [(graph, node) for graph in graphs for node in graph.nodes_of(kind)]

    def nodes_of(self, kind: str) -> list[NodeId]:
        return [node for node, data in self._nodes.items() if data["type"] == kind]

    def type_of(self, node: NodeId) -> str | None:
        return self._nodes[node]["type"] if node in self._nodes else None

    def names_of(self, node: NodeId) -> Set[str]:
        slots = {slot["name"] for slot in self._nodes[node].get("inputs", ())}
        values = self._nodes[node].get("widgets_values")
        return slots | self.promoted(node) | (set(values) if isinstance(values, dict) else set())

    def promoted(self, node: NodeId) -> Set[str]:
        return {entry[1] for _, _, entry in self._shown(node)}

    def fits(self, node: NodeId, form: Form) -> bool:
        values = self._nodes[node].get("widgets_values") or []
        return isinstance(values, dict) or form.accepts(values)

    def inputs(self, node: NodeId, form: Form) -> dict[str, object]:
        data = self._nodes[node]
        values = data.get("widgets_values") or []
        found = form.complete(values if isinstance(values, dict) else form.read(values))
        links = {link["id"]: link for link in self._links()}
        for slot in data.get("inputs", ()):
            if link := links.get(slot.get("link")):
                stored = found.get(slot["name"])
                found[slot["name"]] = Link(link["origin_id"], link["origin_slot"], stored)
        return found

    def replace(self, node: NodeId, change: Change, inputs: Mapping[str, object]) -> None:
        data = self._nodes[node]
        described = self._describe(change.form, inputs)
        for number, output in enumerate(data.get("outputs", ())):
            described["outputs"][change.slot(number)]["links"] = output.get("links") or []
        if change.keeps_look:
            described["properties"] = data.get("properties", {}) | described["properties"]
            described["properties"].pop("ver", None)  # of the pack, and that one is too old
        else:
            data.pop("title", None)
            data["size"] = _size(described)
        data |= described
        self._move_outgoing(node, change)
        self._connect(node, inputs)
        self._rename_promoted(node, change.names)

    def rename_node(self, node: NodeId, kind: str) -> None:
        data = self._nodes[node]
        properties = data.get("properties", {})
        if properties.get(_NAME) == data["type"]:  # a user may have changed it
            properties[_NAME] = kind
        data["type"] = kind

    def rename_type(self, old: str, new: str) -> None:
        ends = [*self._data.get("inputs", ()), *self._data.get("outputs", ())]
        for data in self._nodes.values():
            ends += [*data.get("inputs", ()), *data.get("outputs", ())]
        for end in ends:
            if end.get("type") == old:
                end["type"] = new
        for link in self._data["links"]:
            if _fields(link)["type"] == old:
                _change(link, type=new)

    def add(self, form: Form, inputs: Mapping[str, object], before: NodeId) -> NodeId:
        x, y = _position(self._nodes[before])
        node = self._new_id("node", self._nodes)
        described = self._describe(form, inputs)
        data = {
            "id": node,
            "pos": [x - _WIDTH - _GAP, y],
            "size": _size(described),
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

    # --- nodes -----------------------------------------------------------------------------------

    def _describe(self, form: Form, inputs: Mapping[str, object]) -> dict[str, Any]:
        widgets = list(form.widgets_for(inputs))
        slots: list[dict[str, Any]] = [
            {"name": name, "type": kind, "link": None} for name, kind in form.sockets
        ]
        slots += [
            {"name": name, "type": kind, "widget": {"name": name}, "link": None}
            for name, kind, _ in widgets
        ]
        values = form.complete(inputs).values()
        return {
            "type": form.type,
            "inputs": slots,
            "outputs": [{"name": name, "type": kind, "links": []} for name, kind in form.outputs],
            "properties": {_NAME: form.type, "cnr_id": _PACK},
            "widgets_values": [v.stored if isinstance(v, Link) else v for v in values],
        }

    def _shown(self, node: NodeId) -> Iterator[tuple[_UiGraph, NodeId, list[str]]]:
        """Yield where widgets of a node are shown: graph, node, and id and name of the widget."""
        for graph, host in self._hosts:
            for entry in graph._nodes[host].get("properties", {}).get("proxyWidgets", ()):
                if entry[0] == str(node):
                    yield graph, host, entry

    def _rename_promoted(self, node: NodeId, names: Mapping[str, str]) -> None:
        for graph, host, entry in self._shown(node):
            if new := names.get(entry[1]):
                graph._rename_promoted(host, {entry[1]: new})  # a subgraph in a subgraph
                entry[1] = new

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

    # --- links -----------------------------------------------------------------------------------

    def _links(self) -> Iterator[dict[str, Any]]:
        return (_fields(link) for link in self._data["links"])

    def _move_outgoing(self, node: NodeId, change: Change) -> None:
        for link in self._data["links"]:
            fields = _fields(link)
            if fields["origin_id"] == node:
                slot = change.slot(fields["origin_slot"])
                _change(link, origin_slot=slot, type=change.form.outputs[slot][1])

    def _connect(self, node: NodeId, inputs: Mapping[str, object]) -> None:
        """Connect the inputs of a node; links keep their ids, and those not needed go."""
        old = [link for link in self._data["links"] if _fields(link)["target_id"] == node]
        for number, slot in enumerate(self._nodes[node]["inputs"]):
            origin = inputs.get(slot["name"])
            if not isinstance(origin, Link):
                continue
            kept = next((link for link in old if _is_from(link, origin)), None)
            if kept is None:
                slot["link"] = self._add_link(origin, node, number, slot["type"])
            else:
                old.remove(kept)
                fields = _fields(kept)
                _change(kept, target_slot=number, type=_link_type(fields["type"], slot["type"]))
                slot["link"] = fields["id"]
        for link in old:
            self._disconnect(_fields(link)["id"])

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


def _fields(link: Any) -> dict[str, Any]:
    """Return a link as an object."""
    return link if isinstance(link, dict) else dict(zip(_LINK_FIELDS, link, strict=True))


def _change(link: Any, **fields: object) -> None:
    for name, value in fields.items():
        link[name if isinstance(link, dict) else _LINK_FIELDS.index(name)] = value


def _link_type(given: str, taken: str) -> str:
    """Return the type of a link to an input that may take several."""
    kinds = taken.split(",")
    return given if given in kinds else kinds[0]


def _is_from(link: Any, origin: Link) -> bool:
    fields = _fields(link)
    return (fields["origin_id"], fields["origin_slot"]) == (origin.origin, origin.slot)


def _size(described: Mapping[str, Sequence[Any]]) -> list[int]:
    return [_WIDTH, _ROW * len(described["inputs"]) + _MARGIN]


def _position(node: Mapping[str, Any]) -> tuple[float, float]:
    position = node.get("pos") or (0, 0)
    if isinstance(position, dict):  # as front ends before 2024 wrote it
        return position["0"], position["1"]
    return position[0], position[1]
