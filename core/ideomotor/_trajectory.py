import html
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .common.trees import first_not_finite
from .errors import DataError


def _times(ts) -> Any:
    return ts if _in_jax(ts) else as_numbers(ts, "ts")


def _arrays(tree: PyTree) -> PyTree:
    """Lists of numbers are arrays, and half precision is widened; all else stays as it is."""
    if all(map(_in_jax, jax.tree.leaves(tree))):
        return tree

    def array(leaf):
        small = isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" and leaf.dtype.itemsize < 4
        return as_numbers(leaf, "Trajectory") if _is_list(leaf) or small else leaf

    return jax.tree.map(array, tree, is_leaf=_is_list)


class Trajectory(eqx.Module):
    """A movement, in control's letters; every array leaf leads with time.

    - `ts`: times in seconds, shape `(time,)`.
    - `ys`: outputs. What the plant let be seen, or the primitive's command where there was no plant.
    - `us`: commands sent to the plant, held over `[ts[i], ts[i + 1])`; `None` without a plant.
    - `xs`: states of the plant; `None` without a plant.
    - `ps`: states of a feedback primitive; `None` for others.

    Lists become arrays; times may also be integers, `datetime64` (then seconds since 1970) or `timedelta64`.

        >>> import jax.numpy as jnp
        >>> ts = jnp.linspace(0.0, 1.0, 101)
        >>> len(Trajectory(ts, jnp.sin(ts))[::10])
        11
    """

    ts: Float[Array | np.ndarray, "*time"] = eqx.field(converter=_times)
    ys: PyTree[Any] = eqx.field(converter=_arrays)
    us: PyTree[Any] = eqx.field(converter=_arrays, default=None)
    xs: PyTree[Any] = eqx.field(converter=_arrays, default=None)
    ps: PyTree[Any] = eqx.field(converter=_arrays, default=None)

    def __getitem__(self, index) -> "Trajectory":
        """The same movement at some of its times (`trajectory[::10]`), or one sample of it (`trajectory[40]`)."""
        return jax.tree.map(lambda leaf: leaf[index], self)

    def __len__(self) -> int:
        return len(self.ts)

    def _repr_html_(self) -> str:
        return _html(self)


def named_leaves(tree: Any) -> list[tuple[str, np.ndarray]]:
    """`(path, array)` of the leaves: `("", array)` for a bare array, `(".goal", …)`, `(".hand.0", …)`."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [("".join(f".{_word(entry)}" for entry in path), np.asarray(leaf)) for path, leaf in leaves]


def as_numbers(values: Any, name: str = "values") -> np.ndarray:
    """`values`, any array-like of real numbers or times, as floating-point numbers of at least 32 bits, on the host.

    Integers become float64 before JAX, which has 32 bits, can wrap them; `datetime64` becomes seconds since 1970 and
    `timedelta64` seconds. Raises a `DataError` for anything else.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{name} is not an array of numbers: {error}.") from error
    if array.dtype.kind == "M":
        array = array - np.datetime64(0, "s")
    if array.dtype.kind == "m":
        if np.isnat(array).any():
            raise DataError(f"{name}{np.argwhere(np.isnat(array))[0].tolist()} is NaT; drop that sample.")
        return array / np.timedelta64(1, "s")
    if jnp.issubdtype(array.dtype, np.floating):
        return array.astype(np.promote_types(array.dtype, np.float32), copy=False)
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    raise DataError(
        f"{name} is not an array of numbers but of {array.dtype}; convert it first, such as with np.asarray(values, float)."
    )


def check_times(ts, *, minimum: int = 2, name: str = "ts"):
    """Return `ts` as floating-point numbers on the host, if they are finite and increase strictly.

    Any array-like that `Trajectory` takes; raises a `DataError` for others. Inside `jit` only the shape is checked: a
    check of traced values would call back to the host at every movement.
    """
    ts = ts if isinstance(ts, jax.core.Tracer) else as_numbers(ts, name)
    if ts.ndim != 1:
        raise DataError(
            f"{name} must be a one-dimensional array of times in seconds, not of shape {np.shape(ts)}."
        )
    if ts.shape[0] < minimum:
        raise DataError(f"{name} has {ts.shape[0]} time(s); at least {minimum} are needed.")
    if isinstance(ts, jax.core.Tracer):
        return ts
    if np.all(np.diff(ts) > 0) and np.isfinite(ts[0]) and np.isfinite(ts[-1]):
        return ts
    if not np.all(np.isfinite(ts)):
        bad = int(np.argmax(~np.isfinite(ts)))
        raise DataError(f"{name}[{bad}] is {ts[bad]}; times must be finite.")
    bad = int(np.argmax(np.diff(ts) <= 0))
    raise DataError(
        f"{name} must increase, and {name}[{bad + 1}] = {ts[bad + 1]:g} follows "
        f"{name}[{bad}] = {ts[bad]:g}; sort the samples and drop repeated times."
    )


def check_demonstration(trajectory: Trajectory, *, minimum: int = 2) -> Trajectory:
    """Return the trajectory as it is imitated: times (s) from zero on, outputs as floating-point numbers.

    Raises a `DataError` unless the times increase, their unit is plausible, and the outputs are finite and have one
    length.
    """
    ts = check_times(trajectory.ts, minimum=minimum, name="trajectory.ts")
    ts = check_unit_of_time(ts - ts[0], "trajectory.ts")

    def check(path, leaf):
        name = "trajectory.ys" + jax.tree_util.keystr(path)
        if np.ndim(leaf) < 1 or np.shape(leaf)[0] != ts.shape[0]:
            raise DataError(f"{name} has shape {np.shape(leaf)} and must lead with {ts.shape[0]} times.")
        leaf = leaf if _in_jax(leaf) else as_numbers(leaf, name)
        if found := first_not_finite(leaf):
            raise DataError(f"{name}{found.place} is not finite; repair or drop that sample before fitting.")
        return leaf

    ys = jax.tree_util.tree_map_with_path(check, trajectory.ys)
    return Trajectory(ts, ys, trajectory.us, trajectory.xs, trajectory.ps)


def check_unit_of_time(ts: Any, name: str = "ts") -> Any:
    """Return the times of a demonstration (s) if they are plausible; raises a `DataError` that names the likely units.

    Nobody demonstrates a movement at one sample in a quarter of an hour, or at ten million in a second.
    """
    if isinstance(ts, jax.core.Tracer):
        return ts
    step, duration = float(np.median(np.diff(ts))), float(ts[-1] - ts[0])
    if 1e-7 <= step <= 900.0:
        return ts
    sign, words = (-1, "they are in") if step > 900 else (1, "they were converted twice from")
    units = ", ".join(
        f"{unit} multiply by 1e{sign * power} ({duration * 10.0 ** (sign * power):.3g} s)"
        for unit, power in (("ns", 9), ("µs", 6), ("ms", 3))
    )
    raise DataError(
        f"{name} lasts {duration:.3g} s in steps of {step:.3g} s, which is implausible; times are in seconds. If {words} "
        f"{units}."
    )


def _word(entry) -> str:
    return str(getattr(entry, "key", getattr(entry, "name", getattr(entry, "idx", entry))))


def _in_jax(leaf) -> bool:
    return isinstance(leaf, jax.Array)  # traced ones, too


def _is_list(leaf) -> bool:
    """Whether this is a list of numbers, in any depth, rather than a list of arrays."""
    return isinstance(leaf, list) and all(_is_list(x) or np.isscalar(x) for x in leaf)


def _html(trajectory: Trajectory) -> str:
    """A summary line, and small curves of every output over time as inline SVG."""
    ts = np.asarray(trajectory.ts)
    curves = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(trajectory.ys)[0]:
        values = np.asarray(leaf, dtype=float).reshape(len(ts), -1)
        name = html.escape("ys" + jax.tree_util.keystr(path))
        shape = html.escape(str(np.shape(leaf)))
        curves.append(f"<figure style='display:inline-block;margin:4px'>{_svg(ts, values[:, :6])}")
        curves.append(f"<figcaption style='font-size:85%'>{name} {shape}</figcaption></figure>")
    also = [name for name in ("us", "xs") if getattr(trajectory, name) is not None]
    more = f", with {' and '.join(also)}" if also else ""
    head = f"<div><b>Trajectory</b> {len(ts)} samples over {ts[-1] - ts[0]:.4g} s{more}</div>"
    return head + "".join(curves)


_COLOURS = ("#4269d0", "#e8731e", "#3ca951", "#b5419e", "#6cc5b0", "#9c6b4e")


def _svg(ts, values, width: int = 240, height: int = 90) -> str:
    if not np.all(np.isfinite(values)) or not len(ts):
        return "<svg width='240' height='20'><text y='14' font-size='12'>not finite</text></svg>"
    low, high = values.min(), values.max()
    x = (ts - ts[0]) / max(ts[-1] - ts[0], 1e-12) * (width - 4) + 2
    y = height - 2 - (values - low) / max(high - low, 1e-12) * (height - 4)
    keep = np.unique(np.linspace(0, len(ts) - 1, min(len(ts), 120)).astype(int))
    lines = []
    for k in range(values.shape[1]):
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[keep], y[keep, k], strict=True))
        lines.append(f"<polyline fill='none' stroke='{_COLOURS[k]}' stroke-width='1.5' points='{points}'/>")
    return f"<svg width='{width}' height='{height}' role='img'>{''.join(lines)}</svg>"
