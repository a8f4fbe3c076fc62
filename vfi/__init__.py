"""Video frame interpolation around a model: frames, time and files. Knows no network.

``media`` and ``png`` read, ``timing`` decides what is shown when, ``stream`` makes it so with any
``protocol.Interpolator``, ``writer`` and ``png`` write.
"""

__version__ = "0.1.0"
