"""A real ComfyUI as a subprocess, and the few HTTP calls that tests need."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.footprint import Footprint, footprint

ROOT = Path(__file__).resolve().parents[2]
PACK_FOLDER = "comfyui-practical-rife"  # a dash: no Python package can be called so
_PATIENCE = 120.0  # seconds
_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
_WHOLE_TEXT, _WHOLE_BYTES = 0x81, 0x82  # first byte of a websocket message in one piece
_PREVIEW_IMAGE = b"\0\0\0\1"  # first bytes of those of bytes that are pictures
_TEXT = (3).to_bytes(4, "big")

Workflow = Mapping[str, Mapping[str, Any]]
"""Node id -> class_type and inputs; a link is [node id, number of the output]."""


class HostError(Exception):
    """There is no ComfyUI here that could be started; the message says what is missing."""


@dataclass(frozen=True)
class Host:
    """An installation of ComfyUI: its folder and its Python."""

    folder: Path
    python: Path


def find_folder() -> Path:
    """Find the ComfyUI that COMFYUI_PATH names, or the usual one."""
    folder = Path(os.environ.get("COMFYUI_PATH", "~/ComfyUI")).expanduser()
    if not (folder / "main.py").is_file():
        raise HostError(f"no ComfyUI in {folder}: set COMFYUI_PATH to its folder")
    return folder


def find_host() -> Host:
    """Find the installation that COMFYUI_PATH and COMFYUI_PYTHON name, or the usual one."""
    folder = find_folder()
    python = Path(os.environ.get("COMFYUI_PYTHON", folder / "venv" / "bin" / "python"))
    if not python.is_file():
        raise HostError(f"no Python at {python}: set COMFYUI_PYTHON to the one of ComfyUI")
    if missing := _missing_packages(python):
        raise HostError(f"{python} lacks {missing}, which requirements.txt asks for")
    return Host(folder, python)


def run_script(name: str, *options: object) -> None:
    """Run a command line on the CPU with the Python of the installation, and as few threads."""
    command = [find_host().python, ROOT / name, "--device", "cpu", *options]
    subprocess.run(
        list(map(str, command)), check=True, capture_output=True, env=os.environ | _ENVIRONMENT
    )


def _missing_packages(python: Path) -> str:
    names = re.findall(r"^[\w.-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    code = (
        "import sys\nfrom importlib.metadata import distributions\n"
        "there = {(d.name or '').lower().replace('_', '-') for d in distributions()}\n"
        "print(*sorted(n for n in sys.argv[1:] if n.lower().replace('_', '-') not in there))"
    )
    done = subprocess.run(
        [python, "-c", code, *names], check=True, stdout=subprocess.PIPE, text=True
    )
    return ", ".join(done.stdout.split())


@dataclass(frozen=True)
class Ended:
    """How a prompt ended.

    Attributes:
        outputs: node id -> what the node showed.
        messages: event -> its data.
        num_previews: how many live pictures were sent on the way.
        num_own_previews: how many of them in the pack's own way, which leaves room for a player.
        lines: node id -> the texts that it showed.
    """

    outputs: Mapping[str, Any]
    messages: Mapping[str, Any]
    num_previews: int = 0
    num_own_previews: int = 0
    lines: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def succeeded(self) -> bool:
        return "execution_success" in self.messages

    @property
    def cached(self) -> set[str]:
        """The nodes that did not run again."""
        return set(self.messages["execution_cached"]["nodes"])

    def text(self, node: str) -> str:
        """What a PreviewAny node showed."""
        return self.outputs[node]["text"][0]


class Comfy:
    """A running server with this pack, in a base folder of its own."""

    def __init__(self, host: Host, base: Path, *options: str) -> None:
        """Start it, with more options of its own; it answers after :meth:`wait_until_ready`."""
        self.input = base / "input"
        self.models = base / "models"
        self.output = base / "output"
        self.log = base / "server.log"
        for name in ("custom_nodes", "input", "models/frame_interpolation", "output"):
            (base / name).mkdir(parents=True, exist_ok=True)
        (base / "custom_nodes" / PACK_FOLDER).symlink_to(ROOT)
        self._port = _free_port()
        command = [host.python, "main.py", "--cpu", "--listen", "127.0.0.1", "--port"]
        command += [str(self._port)]
        command += ["--base-directory", base, "--database-url", "sqlite:///:memory:"]
        command += ["--disable-auto-launch", "--disable-api-nodes", *options]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=host.folder,
                env=os.environ | _ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-3000:]
                raise AssertionError(f"ComfyUI did not start. Its last words:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address(path), timeout=_PATIENCE) as response:
            return json.load(response)

    def post(self, path: str, data: object) -> Any:
        """Send JSON; returns the answer, also where the server refuses."""
        request = urllib.request.Request(
            self.address(path), json.dumps(data).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            with error:
                answer = error.read()
        return json.loads(answer or b"null")

    def run(
        self,
        workflow: Workflow,
        *,
        interrupt: str | None = None,
        after: int = 1,
        **extra_data: object,
    ) -> Ended:
        """Run a workflow to its end, whatever that is.

        Args:
            workflow: in API form.
            interrupt: the node during whose steps the user cancels.
            after: how many steps; not none, as ffmpeg may not have opened its file at the first.
            extra_data: what a front end sends along.
        """
        client = uuid.uuid4().hex
        prompt = {"prompt": workflow, "client_id": client, "extra_data": extra_data}
        counts = Counter[str]()
        lines: dict[str, list[str]] = {}
        with closing(self._listen(client)) as events:
            next(events)  # the connection stands
            answer = self.post("/prompt", prompt)
            assert "error" not in answer, answer
            assert not answer["node_errors"], answer
            for event, data in events:
                counts[event] += 1
                if event == "text":
                    lines.setdefault(data[0], []).append(data[1])
                if event == "progress" and data["node"] == interrupt and data["value"] > after:
                    self.post("/interrupt", {"prompt_id": answer["prompt_id"]})
                if event == "executing" and data["node"] is None:
                    break  # ComfyUI's last word on a prompt
        entry = self.get(f"/history/{answer['prompt_id']}")[answer["prompt_id"]]
        return Ended(
            entry["outputs"],
            dict(entry["status"]["messages"]),
            counts["preview"],
            counts["practical_rife.preview"],
            lines,
        )

    def run_all(
        self, workflows: Sequence[Workflow], interrupts: Callable[[], bool] = lambda: False
    ) -> list[Ended]:
        """Queue workflows at once, and run them all to their ends, whatever those are.

        Args:
            workflows: in API form.
            interrupts: asked at each step of the one at work whether the user cancels it.
        """
        client = uuid.uuid4().hex
        with closing(self._listen(client)) as events:
            next(events)  # the connection stands
            queued = [
                self.post("/prompt", {"prompt": workflow, "client_id": client})["prompt_id"]
                for workflow in workflows
            ]
            at_work = set(queued)
            for event, data in events:
                if event == "progress" and interrupts():
                    self.post("/interrupt", {"prompt_id": data["prompt_id"]})
                if event == "executing" and data["node"] is None:
                    at_work.discard(data["prompt_id"])
                    if not at_work:
                        break
        entries = [self.get(f"/history/{number}")[number] for number in queued]
        return [Ended(one["outputs"], dict(one["status"]["messages"])) for one in entries]

    def _listen(self, client: str) -> Generator[tuple[str, Any], None, None]:
        """Yield what the server tells a client: as much of RFC 6455 (websockets) as that needs."""
        request = (
            f"GET /ws?clientId={client} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(uuid.uuid4().bytes).decode()}\r\n\r\n"
        )
        address = ("127.0.0.1", self._port)
        with socket.create_connection(address, _PATIENCE) as link, link.makefile("rb") as stream:
            link.sendall(request.encode())
            while stream.readline().strip():
                pass  # the header of the answer
            while head := stream.read(2):
                kind, size = head
                if size > 125:
                    size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
                payload = stream.read(size)
                if kind == _WHOLE_TEXT:
                    message = json.loads(payload)
                    yield message["type"], message["data"]
                elif kind == _WHOLE_BYTES and payload.startswith(_PREVIEW_IMAGE):
                    yield "preview", payload
                elif kind == _WHOLE_BYTES and payload.startswith(_TEXT):
                    length = int.from_bytes(payload[4:8], "big")
                    yield "text", (payload[8 : 8 + length].decode(), payload[8 + length :].decode())

    def memory(self) -> int:
        """Return how much of the server is in main memory, bytes."""
        return footprint(self._process.pid).memory

    def footprint(self) -> Footprint:
        """Return what the server takes of the machine."""
        return footprint(self._process.pid)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def _answers(self) -> bool:
        try:
            return bool(self.get("/system_stats"))
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
