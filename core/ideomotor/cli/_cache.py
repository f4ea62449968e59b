import os
from pathlib import Path


def enable_compilation_cache() -> Path | None:
    """Let JAX keep compiled programs on disk, so that a second start is quick; returns the folder, or `None`.

    Works through environment variables, which JAX reads when it is first imported, and so must be called before that.
    `IDEOMOTOR_CACHE` chooses the folder (empty: no cache). A setting of JAX's own that the user made is left as it
    is, and a folder that cannot be written to turns the cache off.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
    chosen = os.environ.get("IDEOMOTOR_CACHE")
    if chosen == "":
        return None
    if chosen is None:
        import platformdirs

        chosen = platformdirs.user_cache_dir("ideomotor", appauthor=False)
    folder = Path(chosen).expanduser() / "jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK | os.X_OK):
        return None
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    return folder
