"""Trained components as folders: `config.json`, `weights.safetensors`, `README.md`; nothing is pickled."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from . import _files, _runs, _tensors
from ._pipeline import Pipeline
from .config import from_config, pipeline_from_config, pipeline_to_config, to_config, trained_within
from .errors import CheckpointError
from .registry import registry

FORMAT = 1
CONFIG, WEIGHTS, README = "config.json", "weights.safetensors", "README.md"
_DTYPES = ("float16", "bfloat16", "float32", "float64")


def save(
    component: Any,
    folder: Path | str,
    *,
    metrics: Mapping[str, Any] | None = None,
    seed: int | None = None,
    card: str | None = None,
    dtype: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Save a component (or a whole `Pipeline`) with its weights to a folder, whole or not at all.

    - `metrics`: numbers worth knowing about it, for the record and the model card.
    - `seed`: what it was trained with.
    - `card`: Markdown that is added to the model card, `README.md`.
    - `dtype`: store floating-point arrays in this precision (`"float16"`); `load` gives them back their own.
    - `overwrite`: replace what is in the folder.

    Returns the folder. Raises a `ConfigError` for a component that is not registered, and a `CheckpointError`
    for one whose arguments do not bring it back, or with numbers that cannot be stored (NaN among them).
    """
    config = pipeline_to_config(component) if isinstance(component, Pipeline) else to_config(component)
    used = _components(config)
    whole = isinstance(component, Pipeline)
    parts = [getattr(component, slot) for slot in config] if whole else [component]
    if lost := [place for part in parts for place in trained_within(part)]:
        raise CheckpointError(
            f"{lost[0]} has weights that are not kept inside a component of the host; save it apart and give "
            f"{{load: FOLDER}} for it, or write the pipeline with save_pipeline, which does so."
        )
    tensors = {
        name: _stored(name, leaf, dtype, component) for name, leaf in _tensors.numbers(component).items()
    }
    try:
        data = _tensors.pack(tensors)
        _tensors.replace(_make(config), tensors)
    except ValueError as error:
        raise CheckpointError(
            f"{_name(component)} would not come back: it is made anew from its constructor's arguments, and "
            f"{error}; let the constructor keep all that shapes the component."
        ) from error
    about = {
        "format": FORMAT,
        "kind": "pipeline" if isinstance(component, Pipeline) else used[0].kind,
        "component": config,
        "seed": seed,
        "metrics": json.loads(json.dumps(dict(metrics or {}), default=lambda x: np.asarray(x).tolist())),
        "parameters": sum(np.size(leaf) for leaf in jax.tree.leaves(component) if _tensors.is_inexact(leaf)),
        "weights": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "versions": _runs.versions(*_distributions(used)),
    }
    with _files.new_folder(folder, overwrite=overwrite) as new:
        _files.write_bytes(new / WEIGHTS, data)
        _files.write_json(new / CONFIG, about)
        _files.write_text(new / README, _card(Path(folder).name, about, used, card))
    return Path(folder)


def load(folder: Path | str, *, kind: str | None = None) -> Any:
    """Load what `save` wrote: the component is made from its config by name, and gets the stored weights.

    - `kind`: what is needed: `"perception"`, `"planner"`, `"primitive"`, `"plant"`, `"part"` or `"pipeline"`.

    Arrays come back in the precision that the component has when it is made, float64 where x64 is enabled.
    Raises a `CheckpointError` for anything missing, damaged, changed since, newer than this version or of
    another kind.
    """
    folder = Path(folder)
    about = _read_config(folder)
    if kind is not None and about["kind"] != kind:
        raise CheckpointError(f"{folder} holds a {about['kind']}, and a {kind} is needed here.")
    data = _read_weights(folder / WEIGHTS, about["weights"])
    try:
        template = _make(about["component"])
    except Exception as error:  # a constructor may raise anything for arguments that were changed by hand
        reason = " ".join(str(error).split())
        saved = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        raise CheckpointError(
            f"{folder / CONFIG} describes a {about['kind']} that cannot be made here: {reason} "
            f"(It was saved with {saved}.)"
        ) from error
    try:
        tensors, _ = _tensors.unpack(data)
    except ValueError as error:
        raise CheckpointError(f"{folder / WEIGHTS} {error}; get the folder anew.") from error
    for name, array in tensors.items():
        if _has_nan(array):
            raise CheckpointError(f"{folder / WEIGHTS}: {name} holds NaN; train or get the component anew.")
    try:
        return _tensors.replace(template, tensors)
    except ValueError as error:
        raise CheckpointError(
            f"{folder / WEIGHTS} belongs to another network than {CONFIG} describes: {error}; keep the "
            f"files of one folder together, and use the version of the plug-in that wrote them."
        ) from error


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
        raise CheckpointError(f"{path} is not JSON: {error}; get the folder anew.") from error
    number = about.get("format") if isinstance(about, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise CheckpointError(
            f"{path} is of format {number}, and this version reads up to {FORMAT}: pip install -U ideomotor"
        )
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
        raise CheckpointError(f"{path} {reason}; get the folder anew.") from error
    size = wanted.get("bytes")
    if isinstance(size, int) and len(data) < size:
        raise CheckpointError(f"{path} is cut short at {len(data)} of {size} bytes; get the folder anew.")
    if hashlib.sha256(data).hexdigest() != wanted.get("sha256"):
        raise CheckpointError(
            f"{path} was changed since it was saved (its SHA-256 differs); get the folder anew."
        )
    return data


def _make(config: dict[str, Any]) -> Any:
    """The component with untrained weights."""
    _components(config)
    return from_config(config) if "use" in config else pipeline_from_config(config)


def _components(config: Any) -> list:
    """The records of all components a config names, outermost first; refuses what is never saved."""
    if isinstance(config, list):
        return [found for item in config for found in _components(item)]
    if not isinstance(config, dict):
        return []
    if "load" in config:
        raise CheckpointError("it points to another folder with {load: …}.")
    found = []
    if "use" in config:
        found = [registry().get(str(config["use"]))]
        if found[0].kind == "command":
            raise CheckpointError(f"{found[0].name!r} is a command of the command line.")
    return found + [more for value in config.values() for more in _components(value)]


def _distributions(components: list) -> list[str]:
    names = {registry().source(component.name).distribution for component in components}
    return sorted(names - {"ideomotor", "unknown", "this session"})


def _stored(name: str, leaf: Any, dtype: str | None, component: Any) -> np.ndarray:
    array = _tensors.to_numpy(leaf)
    if _has_nan(array):
        raise CheckpointError(f"{_name(component)}.{name} holds NaN and is not saved; save an earlier state.")
    if dtype is None or not _tensors.is_inexact(leaf):
        return array
    if str(dtype) not in _DTYPES:
        raise CheckpointError(f"Weights cannot be stored as {dtype!r}; choose {', '.join(_DTYPES)}.")
    with np.errstate(over="ignore"):
        small = array.astype(jnp.dtype(str(dtype)))
    if not np.array_equal(np.isinf(small), np.isinf(array)):
        most = np.max(np.abs(array[np.isfinite(array)]))
        raise CheckpointError(
            f"{_name(component)}.{name} reaches {most:.3g}, which does not fit {dtype}; store it as float32."
        )
    return small


def _has_nan(array: np.ndarray) -> bool:
    return jnp.issubdtype(array.dtype, jnp.floating) and bool(np.isnan(array).any())


def _name(component: Any) -> str:
    return type(component).__name__


def _card(title: str, about: dict[str, Any], used: list, card: str | None) -> str:
    """The model card."""
    lines = [f"# {title}", ""]
    if about["kind"] == "pipeline":
        parts = [(slot, registry().get(part["use"])) for slot, part in about["component"].items()]
        lines += ["An Ideomotor pipeline.", ""]
        lines += [f"- {slot}: `{record.name}`, {record.summary}" for slot, record in parts]
    else:
        lines += [f"An Ideomotor {about['kind']}: `{used[0].name}`, {used[0].summary.rstrip('.')}."]
    count = f"{about['parameters']:,} parameters"
    lines += ["", count + ("" if about["seed"] is None else f", trained with seed {about['seed']}") + "."]
    if card:
        lines += ["", card.strip()]
    if about["metrics"]:
        lines += ["", "| metric | value |", "|---|---|"]
        lines += [f"| {name} | {_number(value)} |" for name, value in about["metrics"].items()]
    lines += ["", "```python", "import ideomotor", "", f'component = ideomotor.load("{title}")', "```", ""]
    made = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return "\n".join([*lines, f"Saved with {made}.", ""])


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
