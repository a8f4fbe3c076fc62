"""What this pack uses of ``comfy.cli_args``."""

class _Arguments:
    disable_metadata: bool

args: _Arguments
