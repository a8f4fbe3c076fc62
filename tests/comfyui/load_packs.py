"""Load folders as custom nodes into one ComfyUI process without a server; tell what came of it.

Run by ComfyUI's Python: ``load_packs.py COMFYUI BASE_FOLDER HIDDEN PACK...``, where HIDDEN names
packages, joined by commas, that are made to look as if they were not installed. The last line of
the output is JSON: for each pack its nodes, and what loading it brought in or did.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import json
import sys
from pathlib import Path
from typing import Any

_EVENTS = ("subprocess.Popen", "os.system", "socket.connect", "socket.getaddrinfo")


class Hidden(importlib.abc.MetaPathFinder):
    """Packages that cannot be found."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


async def load_packs(packs: list[str], hidden: set[str]) -> dict[str, Any]:
    import server

    import nodes  # noqa: TID251  here it is ComfyUI's

    server.PromptServer(asyncio.get_running_loop())  # binds no port
    await nodes.init_public_apis()
    await nodes.init_builtin_extra_nodes()
    sys.meta_path.insert(0, Hidden(hidden))
    done: list[str] = []
    sys.addaudithook(lambda event, _: done.append(event) if event in _EVENTS else None)
    return {pack: await load_pack(nodes, pack, done) for pack in packs}


async def load_pack(host: Any, pack: str, done: list[str]) -> dict[str, Any]:
    """Load one pack.

    Args:
        host: ComfyUI's module ``nodes``.
        pack: its folder.
        done: where the audit hook writes.
    """
    done.clear()
    before = set(sys.modules)
    loaded = await host.load_custom_node(pack)
    parent = f"custom_nodes.{Path(pack).name}"
    own = pack.replace(".", "_x_")  # ComfyUI's name for the module
    new = {name.partition(".")[0] for name in set(sys.modules) - before if own not in name}
    return {
        "loaded": loaded,
        "done": done[:],
        "packages": sorted(new - sys.stdlib_module_names),
        "nodes": sorted(
            name
            for name, node in host.NODE_CLASS_MAPPINGS.items()
            if getattr(node, "RELATIVE_PYTHON_MODULE", None) == parent
        ),
    }


if __name__ == "__main__":
    comfyui, base, hidden, *packs = sys.argv[1:]
    sys.path[0] = comfyui  # as main.py has it, in place of this folder
    from comfy.cli_args import args

    args.cpu, args.base_directory = True, base  # before anything that reads them is imported
    found = asyncio.run(load_packs(packs, set(hidden.split(","))))
    sys.stdout.write(json.dumps(found) + "\n")
