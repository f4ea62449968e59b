import os
import tempfile
from pathlib import Path

from ideomotor.errors import DataError


def write_bytes(path: Path | str, data: bytes, *, overwrite: bool = False) -> Path:
    """Write a file whole or not at all. Raises a `DataError` for a file that exists and a folder that does not."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; choose another name.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; make it, or choose another.")
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    except OSError as error:
        raise DataError(
            f"{folder} cannot be written to ({error.strerror}); choose another folder."
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
