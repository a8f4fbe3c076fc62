"""A parser whose complaints its caller can pass on, in whatever form is asked for."""

from __future__ import annotations

import argparse
from typing import NoReturn


class ArgumentsError(Exception):
    """The arguments are wrong; says why."""


class Parser(argparse.ArgumentParser):
    """A parser that raises where argparse's own prints and exits."""

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments.

        Raises:
            ArgumentsError: always.
        """
        raise ArgumentsError(message)
