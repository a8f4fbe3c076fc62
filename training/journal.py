"""The log of a run: a line of JSON for each step and each look, and TensorBoard where it is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .looks import Look
from .trainer import Step

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_Row = dict[str, Any]


class Journal:
    """Writes as the run goes; a context manager.

    Attributes:
        steps: one row for each step, in order.
        looks: one row for each look at the held-out samples.
    """

    def __init__(self, path: Path, done: int, *, tensorboard: Path | None = None) -> None:
        """Open it, without what came after the state that is gone on from.

        Args:
            path: of the log.
            done: steps that are done.
            tensorboard: where its files go; None for none.
        """
        rows = [row for row in read_journal(path) if row["step"] <= done]
        self.steps = [row for row in rows if row["kind"] == "step"]
        self.looks = [row for row in rows if row["kind"] == "look"]
        self._file = path.open("w", encoding="utf-8")
        for row in rows:
            self._write(row)
        self._board = _open_board(tensorboard) if tensorboard else None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def add_step(self, step: Step) -> None:
        """Note a step."""
        values = asdict(step)
        row: _Row = {"kind": "step", "step": values.pop("number"), **values}
        self.steps.append(row)
        self._write(row)
        self._show("train", step.number, {"loss": step.loss, "psnr": step.psnr})

    def add_look(self, number: int, look: Look) -> None:
        """Note how well the held-out samples were made after a number of steps."""
        row: _Row = {"kind": "look", "step": number, "psnr": look.psnr, "ssim": look.ssim}
        self.looks.append(row)
        self._write(row)
        self._show("held out", number, {"psnr": look.psnr, "ssim": look.ssim})

    def _write(self, row: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def _show(self, group: str, number: int, values: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{group}/{name}", value, number)


def read_journal(path: Path) -> list[_Row]:
    """Read all whole lines; a last one that was cut short is left out."""
    rows: list[_Row] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
    return rows


def _open_board(folder: Path) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # the package tensorboard is an extra
        return None
    return SummaryWriter(str(folder))
