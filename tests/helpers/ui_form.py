"""A workflow as the front end saves it -> as the server runs it, the way the front end does that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schemas = Mapping[str, Mapping[str, Any]]
"""Node type -> what the server's ``/object_info`` says of it."""

ONLY_SHOWN = {"MarkdownNote"}  # types that the front end has and the server does not know
_DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"
_WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", _DYNAMIC_COMBO}
_LINK_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


def to_api(graph: Mapping[str, Any], schemas: Schemas) -> dict[str, dict[str, Any]]:
    """Convert a graph in UI form, or the definition of a subgraph, to API form.

    Values of widgets are saved by position, so their names come from the schemas. What is linked to
    a subgraph's own inputs keeps the value of its widget, or is left out.
    """
    links = dict(map(_read_link, graph["links"]))
    prompt = {}
    for node in graph["nodes"]:
        if node["type"] in ONLY_SHOWN:
            continue
        values = iter(node.get("widgets_values", ()))
        inputs = _read_widgets(schemas[node["type"]]["input"], values)
        for slot in node["inputs"]:
            if slot["link"] is not None and links[slot["link"]][0] >= 0:
                origin, number = links[slot["link"]]
                inputs[slot["name"]] = [str(origin), number]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def _read_link(link: list[Any] | dict[str, Any]) -> tuple[int, tuple[int, int]]:
    """Return id, and node and output that it comes from; subgraphs have objects for lists."""
    named = link if isinstance(link, dict) else dict(zip(_LINK_FIELDS, link, strict=True))
    return named["id"], (named["origin_id"], named["origin_slot"])


def _read_widgets(
    specs: Mapping[str, Any], values: Iterator[object], parent: str = ""
) -> dict[str, Any]:
    """Take the values of a node's widgets in their order."""
    read: dict[str, Any] = {}
    for name, (kind, options) in {**specs.get("required", {}), **specs.get("optional", {})}.items():
        if options.get("forceInput") or not (isinstance(kind, list) or kind in _WIDGETS):
            continue
        # A node that was saved before it had all of its widgets: the front end leaves the rest alone.
        value = read[parent + name] = next(values, options.get("default"))
        if kind == _DYNAMIC_COMBO:
            (chosen,) = (option for option in options["options"] if option["key"] == value)
            read |= _read_widgets(chosen["inputs"], values, f"{parent}{name}.")
    return read
