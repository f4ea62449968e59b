"""The arrays of a tree by readable names, as bytes in the safetensors format and back."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
import safetensors
import safetensors.numpy

from .common.trees import as_array

_KINDS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,  # safetensors.numpy writes it and cannot read it
    "I64": np.int64,
    "U64": np.uint64,
    "I32": np.int32,
    "U32": np.uint32,
    "I16": np.int16,
    "U16": np.uint16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_NUMBER = {bool: np.bool_, int: np.int64, float: np.float64}


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array, JAX's or NumPy's, or stands for one of JAX that is not computed."""
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.ndarray | np.generic)


def is_inexact(leaf: Any) -> bool:
    """Whether a leaf is an array of floating-point numbers."""
    return is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def is_key(leaf: Any) -> bool:
    """Whether a leaf is a typed key of `jax.random`."""
    return is_array(leaf) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def names(tree: Any) -> list[str]:
    """A name such as `encoder.layers.0.weight` for each leaf; they differ from each other."""
    paths = [path for path, _ in jtu.tree_flatten_with_path(tree)[0]]
    simple = [jtu.keystr(path, simple=True, separator=".") or "value" for path in paths]
    # {"a.b": x} and {"a": {"b": x}} would get the same simple name.
    return simple if len(set(simple)) == len(simple) else [jtu.keystr(path) for path in paths]


def numbers(tree: Any) -> dict[str, Any]:
    """The leaves that hold numbers, arrays and Python numbers alike, by name."""
    pairs = zip(names(tree), jax.tree.leaves(tree), strict=True)
    return {name: leaf for name, leaf in pairs if is_array(leaf) or type(leaf) in _NUMBER}


def to_numpy(leaf: Any) -> np.ndarray:
    """A leaf as it is stored; keys of `jax.random` as their integers."""
    if is_key(leaf):
        leaf = jax.random.key_data(leaf)
    return np.array(leaf, dtype=_NUMBER.get(type(leaf)), order="C")


def like(leaf: Any, stored: np.ndarray) -> Any:
    """What was stored, in the type and dtype of `leaf`; `ValueError` where integers do not fit."""
    if type(leaf) in _NUMBER:
        return type(leaf)(stored.item())
    if is_key(leaf):
        return jax.random.wrap_key_data(as_array(stored), impl=jax.random.key_impl(leaf))
    with np.errstate(over="ignore"):
        cast = stored.astype(leaf.dtype)
    if not np.issubdtype(leaf.dtype, np.inexact) and not np.array_equal(cast, stored):
        raise ValueError(f"holds numbers that do not fit {leaf.dtype}")
    if isinstance(leaf, jax.Array | jax.ShapeDtypeStruct):
        return as_array(cast)
    return cast if isinstance(leaf, np.ndarray) else leaf.dtype.type(cast)


def replace(tree: Any, tensors: Mapping[str, np.ndarray]) -> Any:
    """`tree` with its numbers replaced by those of the same names; `ValueError` says what does not fit."""
    wanted = numbers(tree)
    for name, leaf in wanted.items():
        if name not in tensors:
            raise ValueError(f"{name} is missing")
        shape = np.shape(jax.eval_shape(jax.random.key_data, leaf) if is_key(leaf) else leaf)
        if tensors[name].shape != shape:
            raise ValueError(f"{name} has shape {tensors[name].shape} where {shape} is needed")
    if unexpected := [name for name in tensors if name not in wanted]:
        raise ValueError(f"{unexpected[0]} is not part of it")
    leaves = []
    for name, leaf in zip(names(tree), jax.tree.leaves(tree), strict=True):
        try:
            leaves.append(like(leaf, tensors[name]) if name in wanted else leaf)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def pack(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """Arrays as a safetensors file; `ValueError` for a dtype that the format does not have."""
    for name, array in tensors.items():
        if array.dtype not in _KINDS.values():
            raise ValueError(f"{name} is an array of {array.dtype}, which cannot be stored")
    # safetensors takes the bytes as they lie in memory, whatever the strides.
    dense = {name: np.array(array, order="C") for name, array in tensors.items()}
    return safetensors.numpy.save(dense, dict(metadata) if metadata else None)


def unpack(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a safetensors file; `ValueError` for anything else."""
    try:
        found = safetensors.deserialize(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError) as error:
        raise ValueError(f"is not a complete safetensors file ({error})") from error
    tensors = {}
    for name, about in found:
        if about["dtype"] not in _KINDS:
            raise ValueError(f"holds {name} as {about['dtype']}, which this version cannot read")
        tensors[name] = np.frombuffer(about["data"], _KINDS[about["dtype"]]).reshape(about["shape"])
    return tensors, header.get("__metadata__", {})


def digest(tree: Any) -> str:
    """SHA-256 of all numbers in a tree."""
    found = hashlib.sha256()
    for name, leaf in sorted(numbers(tree).items()):
        array = to_numpy(leaf)
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
