"""A graph of nodes with inputs that are values or links, in whatever form it is stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from .forms import Form

NodeId = int | str


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


@dataclass(frozen=True, slots=True)
class Change:
    """How a node becomes one of another form.

    Attributes:
        form: the new one.
        names: old input -> new input, of those that have another name now.
        outputs: the new number of each old output; empty if they stay where they are.
        keeps_look: whether title, size and colour stay; if not, they are those of a new node.
    """

    form: Form
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    outputs: tuple[int, ...] = ()
    keeps_look: bool = False

    def slot(self, old: int) -> int:
        """Return the new number of an output."""
        return self.outputs[old] if self.outputs else old


class Graph(ABC):
    """A graph that can be changed; the workflow it was made of changes with it."""

    @abstractmethod
    def nodes_of(self, kind: str) -> list[NodeId]:
        """List the nodes of a type."""

    @abstractmethod
    def type_of(self, node: NodeId) -> str | None:
        """Return the type of a node, None if there is no such node in this graph."""

    @abstractmethod
    def names_of(self, node: NodeId) -> Set[str]:
        """Return what is stored of the names of a node's inputs."""

    @abstractmethod
    def promoted(self, node: NodeId) -> Set[str]:
        """Return the names of the widgets that the subgraph's own node shows."""

    @abstractmethod
    def fits(self, node: NodeId, form: Form) -> bool:
        """Tell whether the stored values can be those of a form."""

    @abstractmethod
    def inputs(self, node: NodeId, form: Form) -> dict[str, object]:
        """Return values, where none is stored the default, and a :class:`Link` where connected."""

    @abstractmethod
    def replace(self, node: NodeId, change: Change, inputs: Mapping[str, object]) -> None:
        """Make a node one of another form.

        Args:
            node: keeps its id, its place and what is connected to its outputs.
            change: what it becomes.
            inputs: values and links by their new names; what is left out gets its default, and what
                the form does not have is left out.
        """

    @abstractmethod
    def rename_node(self, node: NodeId, kind: str) -> None:
        """Give a node another type that stores the same."""

    @abstractmethod
    def rename_type(self, old: str, new: str) -> None:
        """Give what is left of a type of links another name."""

    @abstractmethod
    def add(self, form: Form, inputs: Mapping[str, object], before: NodeId) -> NodeId:
        """Add a node that has values only, left of another one, and return its id."""

    @abstractmethod
    def targets_of(self, node: NodeId) -> list[NodeId]:
        """List the nodes that something of this one is connected to."""

    @abstractmethod
    def remove(self, node: NodeId) -> None:
        """Take out a node that nothing is connected to."""
