"""What this pack uses of ComfyUI's ``folder_paths`` (written for 0.25)."""

models_dir: str

def get_folder_paths(folder_name: str) -> list[str]: ...
def get_output_directory() -> str: ...
def get_temp_directory() -> str: ...
def get_save_image_path(
    filename_prefix: str, output_dir: str, image_width: int = 0, image_height: int = 0
) -> tuple[str, str, int, str, str]: ...  # folder, name, counter, subfolder, prefix
