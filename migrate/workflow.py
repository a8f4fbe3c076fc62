"""Which form a workflow has, and the graphs in it."""

from __future__ import annotations

from typing import Any

from vfi.errors import InputError

from .api_graph import open_api
from .graph import Graph
from .ui_graph import open_ui


def open_workflow(workflow: Any) -> list[Graph]:
    """Recognise the form of a workflow.

    The *API form* is what a server runs. The *UI form* is what the front end saves, with subgraphs
    as further graphs beside the main one.

    Returns:
        The main graph, and the subgraphs.

    Raises:
        InputError: it is no workflow.
    """
    if isinstance(workflow, dict) and isinstance(workflow.get("nodes"), list):
        return open_ui(workflow)
    nodes = workflow.get("prompt", workflow) if isinstance(workflow, dict) else None
    if isinstance(nodes, dict) and nodes and all(map(_is_api_node, nodes.values())):
        return [open_api(nodes)]
    raise InputError(
        "workflow: this is not one that ComfyUI saved or exported (API). "
        "Open it in ComfyUI and save it again."
    )


def _is_api_node(node: Any) -> bool:
    return isinstance(node, dict) and "class_type" in node and isinstance(node.get("inputs"), dict)
