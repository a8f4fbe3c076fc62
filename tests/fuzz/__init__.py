"""Damaged and hostile input for every reader and parser that is this project's own.

``targets`` says what is tried, ``mutate`` changes inputs by a seed, and ``python -m tests.fuzz TARGET
--seconds N`` runs one for as long as one likes. ``corpus/TARGET/`` holds what such runs found.
"""
