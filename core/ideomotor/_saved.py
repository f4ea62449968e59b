"""The folder of a saved component, read: `config.json`, checked, and the numbers of `weights.safetensors`."""

import contextlib
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from . import _tensors
from .errors import CheckpointError

FORMAT = 1
# How `config.json` of an older format becomes one of the next: one function for each step, by the number it starts from.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
_PACKAGES = ("ideomotor", "jax", "equinox", "diffrax", "optax", "numpy")
CONFIG, WEIGHTS, README = "config.json", "weights.safetensors", "README.md"


def without_weights(make: Callable[..., Any], config: Any) -> Any:
    """What `make(config, key=key)` makes, with shapes and dtypes in the place of all that depends on the key.

    Nothing random is computed; all else is, so that constructors may look at their numbers. Those that look at random ones
    get a real key.
    """
    made = []

    def trace(key):
        with jax.ensure_compile_time_eval():
            made.append(make(config, key=key))

    def shape(leaf):
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if isinstance(leaf, jax.core.Tracer) else leaf

    # Errors may be the constructor's own, or there because the key has no value: with a real one it says which.
    with contextlib.suppress(Exception):
        jax.eval_shape(trace, jax.eval_shape(lambda: jax.random.key(0)))
    return jax.tree.map(shape, made[0]) if made else make(config)


def restored(folder: Path | str, make: Callable[..., Any], *, kind: str | None = None) -> Any:
    """The component in a folder that `save` has written; `make(config, key=None)` builds one, with any weights."""
    folder = Path(folder)
    about = _read_config(folder)
    if kind is not None and about["kind"] != kind:
        raise CheckpointError(f"{folder} holds a {about['kind']}, and a {kind} is needed here.")
    data = _read_weights(folder / WEIGHTS, about["weights"])
    try:
        _check_whole(about["component"])
        template = without_weights(make, about["component"])
    except Exception as error:  # a constructor may raise anything for arguments that were changed by hand
        reason = " ".join(str(error).split()) + _to_install(about["versions"])
        saved = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        raise CheckpointError(
            f"{folder / CONFIG} describes a {about['kind']} that cannot be created here: {reason} (It was saved with {saved}.)"
        ) from error
    try:
        tensors, _ = _tensors.unpack(data)
    except ValueError as error:
        raise CheckpointError(f"{folder / WEIGHTS} {error}; download it or save it again.") from error
    for name, array in tensors.items():
        if has_nan(array):
            raise CheckpointError(f"{folder / WEIGHTS}: {name} holds NaN; train it or download it again.")
    try:
        return _tensors.replace(template, tensors)
    except ValueError as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} does not match the network that {CONFIG} describes: {error}; keep the files of one "
            f"folder together, and use the version of the plug-in that wrote them."
        ) from error


def versions(*more: str) -> dict[str, str]:
    """The versions of Python and of the packages that decide on a result, and of `more` distributions."""
    found = {"python": platform.python_version()}
    for package in (*_PACKAGES, *more):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def _to_install(saved_with: dict[str, str]) -> str:
    """The plug-ins' distributions that a component was saved with and that are not installed here."""
    missing = [
        name
        for name in saved_with
        if name not in ("python", *_PACKAGES) and versions(name)[name] == "unknown"
    ]
    return (
        f" It was saved with a plug-in that is not installed: pip install {' '.join(missing)}"
        if missing
        else ""
    )


def has_nan(array: np.ndarray) -> bool:
    """Whether an array of floating-point numbers holds a NaN."""
    return jnp.issubdtype(array.dtype, jnp.floating) and bool(np.isnan(array).any())


def _check_whole(config: Any) -> None:
    """A saved config that points to another folder is never followed."""
    if isinstance(config, dict):
        if "load" in config:
            raise CheckpointError("it points to another folder with {load: …}.")
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            _check_whole(part)


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}; give a folder that ideomotor.save has written.")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} has no {CONFIG}; give a folder that ideomotor.save has written."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}; download it or save it again.") from error
    number = about.get("format") if isinstance(about, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise CheckpointError(
            f"{path} is of format {number}, and this version reads up to {FORMAT}: pip install -U ideomotor"
        )
    while isinstance(number, int) and number in MIGRATIONS and number < FORMAT:
        about = {**MIGRATIONS[number](about), "format": number + 1}
        number += 1
    wanted = {"format": int, "kind": str, "component": dict, "weights": dict, "versions": dict}
    for key, of in wanted.items():
        if not isinstance(about, dict) or not isinstance(about.get(key), of):
            raise CheckpointError(
                f"{path} lacks {key!r}; it was not written by ideomotor.save, or was changed."
            )
    return about


def _read_weights(path: Path, wanted: dict[str, Any]) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (
            "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        )
        raise CheckpointError(f"{path} {reason}; download it or save it again.") from error
    size = wanted.get("bytes")
    if isinstance(size, int) and len(data) < size:
        raise CheckpointError(
            f"{path} is truncated ({len(data)} of {size} bytes); download it or save it again."
        )
    if hashlib.sha256(data).hexdigest() != wanted.get("sha256"):
        raise CheckpointError(
            f"{path} has been changed since it was saved (its SHA-256 differs); download it or save it again."
        )
    return data
