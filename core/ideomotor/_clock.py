"""The times of a movement, reduced to durations on the host."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from ._structure import any_traced
from ._trajectory import check_times
from .errors import DataError


class Clock(NamedTuple):
    """The times of a movement from its sample `first` on, and the durations that components get.

    Durations are computed on the host in 64 bits: a clock time of today has a resolution of minutes in 32 bits.
    """

    ts: Any  # as they were given
    since: Any  # from the start to each of all times
    dts: Any  # to the next time; for the last one the same again
    first: Any = np.int32(0)

    @staticmethod
    def of(ts) -> "Clock":
        """The clock of these times (s): durations in float64, cast afterwards."""
        ts = check_times(ts)
        if isinstance(ts, jax.core.Tracer):
            ts = ts if jnp.issubdtype(ts.dtype, jnp.floating) else ts.astype(float)
            return Clock(ts, ts - ts[0], jnp.concatenate([jnp.diff(ts), ts[-1:] - ts[-2:-1]]))
        wide = ts.astype(np.float64, copy=False)
        dts = np.diff(wide)
        dts = np.concatenate([dts, dts[-1:]])
        return Clock(ts, (wide - wide[0]).astype(ts.dtype, copy=False), dts.astype(ts.dtype, copy=False))

    def starting(self, first: int) -> "Clock":
        """The same without the samples before `first`; steps that are dropped fill the end of `dts`."""
        return Clock(
            self.ts[first:], self.since, np.concatenate([self.dts[first:], self.dts[:first]]), np.int32(first)
        )

    def sample_at(self, t: Any, steps: int | None) -> int:
        """Which of the times is `t`, that of a moment after so many `steps` or of a recorded sample (`None`)."""
        ts = self.ts
        if any_traced((t, ts)):
            raise DataError("Inside jit, vmap and grad `ts` and the time of `start` must be NumPy arrays.")
        if np.ndim(t) != 0:
            raise DataError("start must be one sample of a movement, such as movement[40] or movement[-1].")
        index = int(np.argmin(np.abs(ts - t)))
        if abs(ts[index] - t) > 0.25 * np.min(np.diff(ts)) or (index == 0 and steps != 0):
            raise DataError(
                f"start is at {t:g} s, and ts goes from {ts[0]:g} to {ts[-1]:g} s; give all times of the movement, from its "
                f"own start on and that of `start` among them."
            )
        return index
