"""ComfyUI entry point."""

try:
    import folder_paths  # noqa: F401  probe: every ComfyUI has it, nothing else does
except ModuleNotFoundError as error:
    if error.name != "folder_paths":
        raise  # ComfyUI is there but broken: let it say so
else:
    from .nodes import comfy_entrypoint  # noqa: F401
