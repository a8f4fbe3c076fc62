"""A pickle read as data: what it would build, without building any of it.

A pickle is a program for a stack machine. Python's machine, and to a lesser degree torch's, imports
and calls what the program names. This one has no way to do either: a name becomes a ``Global``, a
call a ``Made``, and both are only looked at. So no route to code exists, whichever opcode leads
there, and a scalar of NumPy or an argparse.Namespace beside the weights does no harm.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

LARGEST_PICKLE = 4 << 20
"""Bytes, not counting the tensors; a release has 0.03 MB. Such a program runs for a few seconds."""
_CONTAINERS = ("OrderedDict", "defaultdict", "Counter")
_KEYS = (str, int, float, bytes, type(None))


@dataclass(frozen=True, eq=False, slots=True)
class Global:
    """Something that the program imports."""

    name: str
    """With its module: ``torch.FloatStorage``."""


@dataclass(frozen=True, eq=False, slots=True)
class Made:
    """What a call would return."""

    function: object
    arguments: tuple[object, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Persistent:
    """A reference to something outside the pickle; torch's are storages."""

    key: object


@dataclass(eq=False, slots=True)
class _Machine:
    stack: list[Any] = field(default_factory=list[Any])
    marked: list[list[Any]] = field(default_factory=list[list[Any]])
    memo: dict[int, object] = field(default_factory=dict[int, object])
    names: list[str] = field(default_factory=list[str])

    def pop_to_mark(self) -> list[Any]:
        """Return what lies above the last mark, and forget the mark."""
        items = self.stack
        self.stack = self.marked.pop()
        return items

    def name(self, name: str) -> Global:
        """Note what is imported."""
        self.names.append(name)
        return Global(name)


def read_pickle(file: BinaryIO) -> tuple[object, list[str]]:
    """Read one pickle; the file is left behind its end.

    Args:
        file: in memory, so that a length that the program claims allocates nothing.

    Returns:
        What it would build, of dict, list, tuple, set, str, bytes, numbers, None and the classes of
        this module; and the names it would import, in order.

    Raises:
        ValueError: this is no pickle, or a damaged one.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                break
            if action := _ACTIONS.get(opcode.name):
                action(machine, argument)
            elif opcode.name in _LITERALS:
                machine.stack.append(argument)
            elif opcode.name not in ("PROTO", "FRAME"):
                raise ValueError(f"it uses {opcode.name}, which checkpoints never do")
        return machine.stack.pop(), machine.names
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("its pickle makes no sense") from error


_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BYTEARRAY8"),
}


def _mark(machine: _Machine, _: object) -> None:
    machine.marked.append(machine.stack)
    machine.stack = []


def _pop(machine: _Machine, _: object) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_to_mark()


def _gather(make: Callable[[list[Any]], object]) -> Callable[[_Machine, object], None]:
    def action(machine: _Machine, _: object) -> None:
        items = machine.pop_to_mark()
        machine.stack.append(make(items))

    return action


def _tuple_of(count: int) -> Callable[[_Machine, object], None]:
    def action(machine: _Machine, _: object) -> None:
        machine.stack[-count:] = [tuple([machine.stack[i] for i in range(-count, 0)])]

    return action


def _push(make: Callable[[], object]) -> Callable[[_Machine, object], None]:
    return lambda machine, _: machine.stack.append(make())


def _dict(items: list[Any]) -> dict[Any, Any]:
    pairs = zip(items[::2], items[1::2], strict=True)
    # Hashing a tuple of a million tuples would end the process. Nothing but these is a name.
    return {key: value for key, value in pairs if isinstance(key, _KEYS)}


def _set_items(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if isinstance(target, dict):
        cast("dict[Any, Any]", target).update(_dict(items))


def _append(machine: _Machine, items: list[Any]) -> None:
    target = machine.stack[-1]
    if isinstance(target, list):
        cast("list[Any]", target).extend(items)


def _pop_two(machine: _Machine) -> list[Any]:
    value, key = machine.stack.pop(), machine.stack.pop()
    return [key, value]


def _call(machine: _Machine, function: object, arguments: object) -> None:
    given = cast("tuple[object, ...]", arguments) if isinstance(arguments, tuple) else ()
    name = function.name.split(".") if isinstance(function, Global) else [""]
    if name[0] == "collections" and name[-1] in _CONTAINERS:
        machine.stack.append(_filled(given))
    else:
        machine.stack.append(Made(function, given))


def _filled(arguments: tuple[object, ...]) -> dict[Any, Any]:
    """Make the dictionary that ``OrderedDict([[key, value], ...])`` is."""
    pairs = arguments[-1] if arguments else []
    if isinstance(pairs, dict):
        return dict(cast("dict[Any, Any]", pairs))
    listed = cast("list[Any]", pairs) if isinstance(pairs, list) else []
    return _dict([item for pair in listed for item in (pair[0], pair[1])])


def _reduce(machine: _Machine, _: object) -> None:
    function, arguments = _pop_two(machine)
    _call(machine, function, arguments)


def _new_with_keywords(machine: _Machine, _: object) -> None:
    machine.stack.pop()
    _reduce(machine, None)


def _instance(machine: _Machine, argument: object) -> None:
    arguments = tuple(machine.pop_to_mark())
    _call(machine, machine.name(str(argument).replace(" ", ".", 1)), arguments)


def _object(machine: _Machine, _: object) -> None:
    function, *arguments = machine.pop_to_mark()
    _call(machine, function, tuple(arguments))


def _stack_global(machine: _Machine, _: object) -> None:
    module, name = _pop_two(machine)
    if not (isinstance(module, str) and isinstance(name, str)):
        raise TypeError
    machine.stack.append(machine.name(f"{module}.{name}"))


def _pop_mark(machine: _Machine, _: object) -> None:
    machine.pop_to_mark()


def _forget_state(machine: _Machine, _: object) -> None:
    machine.stack.pop()  # of an object that is not made


_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "NONE": _push(lambda: None),
    "NEWTRUE": _push(lambda: True),
    "NEWFALSE": _push(lambda: False),
    "EMPTY_LIST": _push(list),
    "EMPTY_TUPLE": _push(tuple),
    "EMPTY_DICT": _push(dict),
    "EMPTY_SET": _push(list),
    "LIST": _gather(list),
    "TUPLE": _gather(tuple),
    "FROZENSET": _gather(tuple),
    "DICT": _gather(_dict),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": lambda machine, _: _append(machine, [machine.stack.pop()]),
    "APPENDS": lambda machine, _: _append(machine, machine.pop_to_mark()),
    "ADDITEMS": lambda machine, _: _append(machine, machine.pop_to_mark()),
    "SETITEM": lambda machine, _: _set_items(machine, _pop_two(machine)),
    "SETITEMS": lambda machine, _: _set_items(machine, machine.pop_to_mark()),
    "GLOBAL": lambda machine, name: machine.stack.append(
        machine.name(str(name).replace(" ", ".", 1))
    ),
    "STACK_GLOBAL": _stack_global,
    "INST": _instance,
    "OBJ": _object,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_with_keywords,
    "BUILD": _forget_state,
    "PERSID": lambda machine, key: machine.stack.append(Persistent(key)),
    "BINPERSID": lambda machine, _: machine.stack.append(Persistent(machine.stack.pop())),
    "MEMOIZE": lambda machine, _: machine.memo.update({len(machine.memo): machine.stack[-1]}),
    **{
        name: lambda machine, index: machine.stack.append(machine.memo[int(index)])
        for name in ("GET", "BINGET", "LONG_BINGET")
    },
    **{
        name: lambda machine, index: machine.memo.update({int(index): machine.stack[-1]})
        for name in ("PUT", "BINPUT", "LONG_BINPUT")
    },
}
