"""Workflows as the front end saves them: made for tests, and looked at."""

from __future__ import annotations

from typing import Any

from migrate.earlier import EARLIER
from migrate.forms import CORE_INTERPOLATE, CORE_LOADER, OURS, RIFE_VFI, STATE_LIST, Form

NodeData = dict[str, Any]
_FORMS = {
    form.type: form
    for form in (*EARLIER, *OURS, RIFE_VFI, STATE_LIST, CORE_LOADER, CORE_INTERPOLATE)
}  # ours, where both are called alike
LINK_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def ui_node(node: int, form: Form, *values: object, **links: int) -> NodeData:
    """A node as the front end saves it; ``links``: input -> number of its link."""
    slots = [(name, kind, {}) for name, kind in form.sockets]
    widgets = form.widgets_for(form.read(values))
    slots += [(name, kind, {"widget": {"name": name}}) for name, kind, _ in widgets]
    return {
        "id": node,
        "type": form.type,
        "pos": [500, 100],
        "mode": 0,
        "inputs": [
            {"name": name, "type": kind, "link": links.get(name)} | more
            for name, kind, more in slots
        ],
        "outputs": [{"name": name, "type": kind, "links": []} for name, kind in form.outputs],
        "properties": {},
        "widgets_values": list(values),
    }


def ui_workflow(nodes: list[NodeData], links: list[tuple[Any, ...]]) -> NodeData:
    by_id = {node["id"]: node for node in nodes}
    for link in links:
        if link[1] in by_id:
            by_id[link[1]]["outputs"][link[2]]["links"].append(link[0])
    return {
        "last_node_id": max(by_id),
        "last_link_id": max((link[0] for link in links), default=0),
        "nodes": nodes,
        "links": [list(link) for link in links],
        "version": 0.4,
    }


def graphs_in(workflow: NodeData) -> list[NodeData]:
    return [workflow, *workflow.get("definitions", {}).get("subgraphs", [])]


def as_object(link: Any) -> dict[str, Any]:
    return link if isinstance(link, dict) else dict(zip(LINK_FIELDS, link, strict=True))


def assert_sound(workflow: NodeData) -> None:
    """Both ends of each link know of it, and have its type; ids are given once."""
    for graph in graphs_in(workflow):
        nodes = {node["id"]: node for node in graph["nodes"]}
        links = {link["id"]: link for link in map(as_object, graph["links"])}
        assert len(nodes) == len(graph["nodes"])
        assert len(links) == len(graph["links"])
        for link in links.values():
            if link["origin_id"] in nodes:
                output = nodes[link["origin_id"]]["outputs"][link["origin_slot"]]
                assert link["id"] in output["links"]
                assert output["type"] == link["type"]
            if link["target_id"] in nodes:
                target = nodes[link["target_id"]]["inputs"][link["target_slot"]]
                assert target["link"] == link["id"]
                assert link["type"] in target["type"].split(",")
        ends = [slot["link"] for node in nodes.values() for slot in node["inputs"]]
        outputs = [output for node in nodes.values() for output in node["outputs"]]
        ends += [number for output in outputs for number in output["links"] or []]
        assert {number for number in ends if number is not None} <= set(links)


def values_of(workflow: NodeData, node: int) -> dict[str, object]:
    (data,) = [data for data in workflow["nodes"] if data["id"] == node]
    values = _FORMS[data["type"]].read(data["widgets_values"])
    assert len(values) == len(data["widgets_values"])
    return values


def sources_of(workflow: NodeData, node: int) -> dict[str, tuple[int, int]]:
    """Input -> node and output it is connected to."""
    (data,) = [data for data in workflow["nodes"] if data["id"] == node]
    links = {link["id"]: link for link in map(as_object, workflow["links"])}
    return {
        slot["name"]: (links[slot["link"]]["origin_id"], links[slot["link"]]["origin_slot"])
        for slot in data["inputs"]
        if slot["link"] is not None
    }
