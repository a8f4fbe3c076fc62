from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])

types: Any

def njit(
    *, nogil: bool, fastmath: set[str], cache: bool = False, inline: str = "never"
) -> Callable[[_F], _F]: ...
