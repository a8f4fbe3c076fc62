"""Fine-tuning of a RIFE network: what ``train.py`` does. Imported by nothing else."""
