"""Shared by the nodes: sockets, inputs, progress, files, and ComfyUI's model folders.

May import ``rife_arch``, ``vfi`` and ComfyUI; never a node file.
"""
