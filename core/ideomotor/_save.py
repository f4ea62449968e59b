"""Trained components as folders: `config.json`, `weights.safetensors`, `README.md`; nothing is pickled."""

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from . import _files, _tensors
from ._host import AbstractHost, class_name, plain_object
from ._pipeline import Pipeline
from ._saved import CONFIG, FORMAT, README, WEIGHTS, has_nan, restored, versions, without_weights
from .config import dump_yaml, from_config, to_config
from .errors import CheckpointError
from .registry import registry

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
    """Save a component (or a whole `Pipeline`) with its weights to a folder, atomically.

    - `metrics`: numbers worth knowing about it, for the record and the model card.
    - `seed`: what it was trained with.
    - `card`: Markdown that is added to the model card, `README.md`.
    - `dtype`: store floating-point arrays in this precision (`"float16"`); `load` gives them back their own.
    - `overwrite`: replace what is in the folder.

    Returns the folder. Raises a `ConfigError` for a component that is not registered, and a `CheckpointError`
    for one that cannot be restored from its arguments, or with numbers that cannot be stored (NaN among them).
    """
    config = component.to_config() if isinstance(component, Pipeline) else to_config(component)
    used = _components(config)
    whole = isinstance(component, Pipeline)
    parts = [getattr(component, slot) for slot in config] if whole else [component]
    if lost := [place for part in parts for place in _trained_within(part)]:
        raise CheckpointError(
            f"{lost[0]} has trained weights, which a component on the host does not save; save it separately and refer to it by "
            f"{{load: FOLDER}}, or use save_pipeline, which does both."
        )
    tensors = {
        name: _stored(name, leaf, dtype, component) for name, leaf in _tensors.numbers(component).items()
    }
    try:
        data = _tensors.pack(tensors)
        _tensors.replace(without_weights(_make, config), tensors)
    except ValueError as error:
        raise CheckpointError(
            f"{_name(component)} cannot be restored from its config, the arguments of its constructor: "
            f"{error}; let the constructor keep everything that shapes the component."
        ) from error
    about = {
        "format": FORMAT,
        "kind": "pipeline" if isinstance(component, Pipeline) else used[0].kind,
        "component": config,
        "seed": seed,
        "metrics": json.loads(json.dumps(dict(metrics or {}), default=lambda x: np.asarray(x).tolist())),
        "parameters": sum(np.size(leaf) for leaf in jax.tree.leaves(component) if _tensors.is_inexact(leaf)),
        "weights": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "versions": versions(*_distributions(used)),
    }
    with _files.new_folder(folder, overwrite=overwrite) as new:
        _files.write_bytes(new / WEIGHTS, data)
        _files.write_json(new / CONFIG, about)
        _files.write_text(new / README, _card(Path(folder).name, about, used, card))
    return Path(folder)


def load(folder: Path | str, *, kind: str | None = None) -> Any:
    """Load what `save` wrote: the component is made from its config by name, and gets the stored weights.

    - `kind`: what is needed: `"perception"`, `"planner"`, `"primitive"`, `"plant"`, `"part"` or `"pipeline"`.

    Arrays are restored in the precision that the component is created with, float64 where x64 is enabled.
    Raises a `CheckpointError` for anything missing, damaged, changed since, newer than this version or of
    another kind.
    """
    return restored(folder, _make, kind=kind)


def load_pipeline(path: Path | str) -> Pipeline:
    """Read a pipeline from a YAML file; `{load: …}` paths in it are relative to the file."""
    path = Path(path)
    return Pipeline.from_config(_files.read_yaml(path), folder=path.parent)


def save_pipeline(pipeline: Pipeline, path: Path | str) -> Path:
    """Write a pipeline as YAML; parts with trained weights go to a folder of the same name beside it."""
    path = Path(path)
    config, trained = {}, {}
    for slot, part in pipeline.to_config().items():
        config[slot] = _apart(getattr(pipeline, slot), part, f"{path.stem}/{slot}", trained)
    for place, component in trained.items():
        save(component, path.parent / place, overwrite=True)
    _files.write_text(path, dump_yaml(config))
    return path


def _apart(component: Any, config: Any, place: str, trained: dict[str, Any]) -> Any:
    """The config with `{load: place}` for a component with trained weights, which is added to `trained`.

    A host component has no arrays of its own, but a network may be among its arguments.
    """
    if isinstance(config, list):
        pairs = zip(component, config, strict=True)
        return [_apart(part, value, f"{place}/{i}", trained) for i, (part, value) in enumerate(pairs)]
    if not isinstance(config, dict) or "use" not in config:
        return config
    if isinstance(component, eqx.Module) and not isinstance(component, AbstractHost):
        if _is_made_by(config, component):
            return config
        trained[place] = component
        return {"load": place}
    plain = plain_object(component)
    return {
        name: value if name == "use" else _apart(getattr(plain, name), value, f"{place}/{name}", trained)
        for name, value in config.items()
    }


def _trained_within(component: Any) -> list[str]:
    """The places of networks in a host component whose weights its config does not bring back."""
    found: dict[str, Any] = {}
    if isinstance(component, AbstractHost):
        _apart(component, to_config(component), class_name(component), found)
    return [place.replace("/", ".") for place in found]


def _is_made_by(config: Any, component: Any) -> bool:
    """Whether a config brings back the numbers of a component; the random ones are drawn only if all others agree."""
    for make in (functools.partial(without_weights, from_config), from_config):
        ones, others = jax.tree.leaves(component), jax.tree.leaves(make(config))
        if len(ones) != len(others) or any(
            np.shape(a) != np.shape(b)
            or not (isinstance(b, jax.ShapeDtypeStruct) or np.array_equal(np.asarray(a), np.asarray(b)))
            for a, b in zip(ones, others, strict=True)
        ):
            return False
    return True


def _make(config: dict[str, Any], key: Any = None) -> Any:
    """The component with untrained weights."""
    return (from_config if "use" in config else Pipeline.from_config)(config, key=key)


def _components(config: Any) -> list:
    """The records of all components a config names, outermost first; refuses a command."""
    if isinstance(config, list):
        return [found for item in config for found in _components(item)]
    if not isinstance(config, dict):
        return []
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
    if has_nan(array):
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
