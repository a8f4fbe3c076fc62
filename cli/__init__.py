"""What the command lines share: options, clips, checkpoints."""

__version__ = "0.1.0"
