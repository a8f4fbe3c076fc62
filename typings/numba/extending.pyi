from collections.abc import Callable
from typing import Any

# The compiler calls the function with a typing context before the caller's arguments.
def intrinsic(*, prefer_literal: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...
