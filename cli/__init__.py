"""What the command lines share: options, clips, checkpoints."""
