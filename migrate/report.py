"""What is said about a workflow that was rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .forms import Form
from .graph import Link, NodeId


@dataclass
class Report:
    """What happened to a workflow, one sentence each.

    Attributes:
        done: nodes that are of this pack, in its present form, now.
        notes: what is not quite the same.
        left: what could not be mapped, and what to do.
    """

    done: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])

    def note(self, sentence: str) -> None:
        """Add a note unless it is there."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def tell(self, node: NodeId, was: str, form: Form, inputs: Mapping[str, object]) -> None:
        """Add a node that was switched.

        Args:
            node: which one.
            was: its type before.
            form: what it is now.
            inputs: by their new names; those that are not the default are listed.
        """
        chosen = {combo: inputs[combo] for combo in form.modes if combo in inputs}
        defaults = form.complete(chosen) | form.defaults
        values = [
            f"{name} {value}"
            for name, value in form.complete(inputs).items()
            if not isinstance(value, Link) and value != defaults.get(name)
        ]
        what = f"{was} is {form.type}" if was != form.type else f"{was} has its new inputs"
        settings = f" with {', '.join(values)}" if values else ""
        self.done.append(f"node {node}: {what}{settings}")

    def tell_renamed(self, node: NodeId, was: str, now: str) -> None:
        """Add a node that only has another type."""
        self.done.append(f"node {node}: {was} is {now}")
