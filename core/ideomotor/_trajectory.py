import html
from typing import Any

import equinox as eqx
import jax
import jax.core
import numpy as np
from jaxtyping import Array, Float, PyTree

from .errors import DataError


class Trajectory(eqx.Module):
    """A movement, in control's letters; every array leaf leads with time.

    - `ts`: times in seconds, shape `(time,)`.
    - `ys`: outputs. What the plant let be seen, or the primitive's command where there was no plant.
    - `us`: commands sent to the plant, held over `[ts[i], ts[i + 1])`; `None` without a plant.
    - `xs`: states of the plant; `None` without a plant.

        >>> import jax.numpy as jnp
        >>> ts = jnp.linspace(0.0, 1.0, 101)
        >>> len(Trajectory(ts, jnp.sin(ts))[::10])
        11
    """

    ts: Float[Array | np.ndarray, " time"]
    ys: PyTree[Any]
    us: PyTree[Any] = None
    xs: PyTree[Any] = None

    def __getitem__(self, index) -> "Trajectory":
        """The same movement at some of its times: `trajectory[::10]`."""
        return jax.tree.map(lambda leaf: leaf[index], self)

    def __len__(self) -> int:
        return len(self.ts)

    def _repr_html_(self) -> str:
        return _html(self)


def check_times(ts, *, minimum: int = 2, name: str = "ts"):
    """Return `ts` as an array if its values are finite and increase strictly; raises `DataError`.

    Inside `jit` only the shape is checked: a check of traced values would call back to the host at every
    movement.
    """
    ts = ts if hasattr(ts, "dtype") else np.asarray(ts)
    if ts.ndim != 1:
        raise DataError(
            f"{name} must be a one-dimensional array of times in seconds, not of shape {np.shape(ts)}."
        )
    if ts.shape[0] < minimum:
        raise DataError(f"{name} has {ts.shape[0]} time(s), and at least {minimum} are needed.")
    if isinstance(ts, jax.core.Tracer):
        return ts
    values = np.asarray(ts)
    if not np.all(np.isfinite(values)):
        bad = int(np.argmax(~np.isfinite(values)))
        raise DataError(f"{name}[{bad}] is {values[bad]}; times must be finite.")
    if not np.all(np.diff(values) > 0):
        bad = int(np.argmax(np.diff(values) <= 0))
        raise DataError(
            f"{name} must increase, and {name}[{bad + 1}] = {values[bad + 1]:g} follows "
            f"{name}[{bad}] = {values[bad]:g}; sort the samples and drop repeated times."
        )
    return ts


def check_demonstration(trajectory: Trajectory, *, minimum: int = 2) -> Trajectory:
    """Return the trajectory if it can be imitated: increasing times, finite outputs of one length."""
    check_times(trajectory.ts, minimum=minimum, name="trajectory.ts")
    for path, leaf in jax.tree_util.tree_flatten_with_path(trajectory.ys)[0]:
        name = "trajectory.ys" + jax.tree_util.keystr(path)
        if np.ndim(leaf) < 1 or np.shape(leaf)[0] != trajectory.ts.shape[0]:
            raise DataError(
                f"{name} has shape {np.shape(leaf)} and must lead with {trajectory.ts.shape[0]} times."
            )
        if not isinstance(leaf, jax.core.Tracer) and not np.all(np.isfinite(np.asarray(leaf))):
            where = np.argwhere(~np.isfinite(np.asarray(leaf)))[0]
            raise DataError(
                f"{name}[{', '.join(map(str, where))}] is not finite; repair or drop that sample before "
                f"fitting."
            )
    return trajectory


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
