"""Components and pipelines as plain dictionaries and YAML files, by registered name.

    perception: {load: checkpoints/digits}        # a saved component, or
    primitive: {use: dmp, dof: 2, basis: 25}      # a registered one with its constructor's arguments
    plant: {use: servo, plant: {use: two-link-arm, lengths: [0.3, 0.33]}}

The convention behind it is scikit-learn's: a constructor keeps each argument in an attribute of the same
name.
"""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import diffrax
import equinox as eqx
import jax
import numpy as np
import yaml
from jaxtyping import PRNGKeyArray

from . import _files, _saved
from ._host import plain_object
from .deprecation import renamed_names
from .errors import ConfigError, IdeomotorError, did_you_mean
from .registry import registry

__getattr__ = renamed_names(
    __name__,
    {
        "load_pipeline": "ideomotor:load_pipeline",
        "save_pipeline": "ideomotor:save_pipeline",
        "pipeline_from_config": "ideomotor:Pipeline.from_config",
        "pipeline_to_config": "ideomotor:Pipeline.to_config",
    },
    removed="0.2",
)
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_NOT_CONFIG = ("key", "self")


def to_config(component: Any) -> dict[str, Any]:
    """A component as `{"use": name, argument: value, …}`, with the arguments that differ from their defaults.

    Raises a `ConfigError` for a class that is not registered, and for an argument that was not kept in an attribute of its name.
    """
    component = plain_object(component)
    cls = type(component)
    name = registry().name_of(cls)
    if name is None:
        raise ConfigError(
            f"{cls.__name__} is not registered, so its config has no name for it; call "
            f"ideomotor.register(kind, name, {cls.__name__}) first."
        )
    config: dict[str, Any] = {"use": name}
    for parameter in _parameters(cls):
        if not hasattr(component, parameter.name):
            raise ConfigError(
                f"{cls.__name__} does not keep its argument {parameter.name!r} in an attribute of that name, so it "
                f"has no config."
            )
        value = _plain(getattr(component, parameter.name), f"{name}.{parameter.name}")
        default = _default(cls, parameter)
        if default is inspect.Parameter.empty or value != _plain(default, f"{name}.{parameter.name}"):
            config[parameter.name] = value
    return config


def _arguments(component: Any) -> dict[str, Any]:
    """The constructor arguments of a component that differ from their defaults, as they are."""
    found, component = {}, plain_object(component)
    for parameter in _parameters(type(component)):
        value, default = getattr(component, parameter.name, None), _default(type(component), parameter)
        if default is inspect.Parameter.empty or not _same(value, default):
            found[parameter.name] = value
    return found


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, eqx.Module) or isinstance(default, eqx.Module):
        return bool(eqx.tree_equal(value, default))
    try:
        return bool(np.array_equal(np.asarray(value), np.asarray(default, getattr(value, "dtype", None))))
    except (TypeError, ValueError):
        return value is default


def from_config(
    config: Any,
    *,
    kind: str | None = None,
    folder: Path | str = ".",
    where: str = "",
    key: PRNGKeyArray | None = None,
) -> Any:
    """Make the component that `config`, as `to_config` wrote it, describes.

    - `config`: `{"use": name, argument: value, …}`, `{"load": folder}`, or a registered name.
    - `kind`: what is needed.
    - `folder`: where relative paths in it start.
    - `where`: the location that error messages name.
    - `key`: for those that draw their weights; without it they take the one of their own.

    Raises a `ConfigError` for anything that does not describe a component, and a `CheckpointError` for a folder that cannot
    be loaded.
    """
    where = where or kind or ""
    place = f"{where}: " if where else ""
    if isinstance(config, str):
        config = {"use": config}
    if not isinstance(config, dict) or ("use" in config) == ("load" in config):
        raise ConfigError(f"{place}write {{use: NAME, …}} or {{load: FOLDER}}, not {config!r:.80}.")
    if "load" in config:
        if unknown := set(config) - {"load"}:
            raise ConfigError(f"{place}{{load: …}} takes no other key, and {sorted(unknown)[0]!r} was given.")
        return _saved.restored(_files.resolve(str(config["load"]), folder), from_config, kind=kind)
    name = config["use"]
    given = {key: value for key, value in config.items() if key != "use"}
    try:
        record = registry().get(str(name), kind)
        registry().check_arguments(record, given)
    except IdeomotorError as error:
        raise type(error)(f"{place}{error}") from error
    arguments = {
        name: _rich(value, folder, f"{where}.{name}".lstrip("."), key) for name, value in given.items()
    }
    if key is not None and _takes_key(registry().factory(record.name)):
        arguments["key"] = key
    try:
        return registry().build(record, **arguments)
    except IdeomotorError:
        raise
    except (TypeError, ValueError) as error:
        arguments.pop("key", None)
        raise ConfigError(f"{place}{name!r} cannot be created from {arguments}: {error}") from error


def dump_yaml(config: Any) -> str:
    """A config as YAML text."""
    return yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=100)


def _default(cls: type, parameter: inspect.Parameter) -> Any:
    """A default; what it makes for a `default_factory`, which a signature does not show."""
    fields = {f.name: f for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    field = fields.get(parameter.name)
    factory = dataclasses.MISSING if field is None else field.default_factory
    if factory is not dataclasses.MISSING and parameter.default is not inspect.Parameter.empty:
        return factory()
    return parameter.default


def _parameters(factory) -> list[inspect.Parameter]:
    found = inspect.signature(factory).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in found if p.name not in _NOT_CONFIG and p.kind not in variable]


def _plain(value: Any, where: str) -> Any:
    """A constructor argument as YAML can hold it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _numbers(np.asarray(value))
    if isinstance(value, list | tuple):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, where) for key, item in value.items()}
    if isinstance(value, diffrax.AbstractSolver):
        if not eqx.tree_equal(value, type(value)()):
            raise ConfigError(
                f"{where} is {value!r}, but only solvers with default arguments can be written as a config."
            )
        return f"diffrax.{type(value).__name__}"
    if registry().name_of(type(plain_object(value))) is not None:
        return to_config(value)
    raise ConfigError(
        f"{where} is a {type(value).__name__}, which cannot be written as YAML; use numbers, text, lists or "
        f"registered components."
    )


def _numbers(array: np.ndarray | np.generic) -> Any:
    """Nested lists of the shortest decimals that give back the same values in the array's precision."""
    if isinstance(array, np.ndarray) and array.ndim:
        return [_numbers(item) for item in array]
    return float(str(np.asarray(array)[()])) if np.issubdtype(array.dtype, np.floating) else array.item()


def _takes_key(factory: Any) -> bool:
    try:
        return "key" in inspect.signature(factory).parameters
    except ValueError:  # some built-in functions have no signature
        return False


def _rich(value: Any, folder, where: str, key) -> Any:
    if isinstance(value, dict) and ("use" in value or "load" in value):
        return from_config(value, folder=folder, where=where, key=key)
    if isinstance(value, dict):
        return {name: _rich(item, folder, f"{where}.{name}".lstrip("."), key) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_rich(item, folder, f"{where}[{i}]", key) for i, item in enumerate(value))
    if isinstance(value, str) and value.startswith("diffrax."):
        name = value.partition(".")[2]
        solver = getattr(diffrax, name, None)
        if not (isinstance(solver, type) and issubclass(solver, diffrax.AbstractSolver)):
            names = [
                n
                for n, x in vars(diffrax).items()
                if isinstance(x, type) and issubclass(x, diffrax.AbstractSolver)
            ]
            raise ConfigError(f"{where}: Diffrax has no solver {name!r}.{did_you_mean(name, names)}")
        return solver()
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)  # YAML 1.1 takes 1e-3 for text, and only 1.0e-3 for a number
    return value
