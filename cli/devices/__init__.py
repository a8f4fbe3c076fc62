"""Clips made by one process for each of several devices of this machine, for ``--device A,B``.

Needs nothing but the standard library. ``run`` imports the rest.
"""
