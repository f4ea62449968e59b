"""Whether a hand can hold a thing at all, from its size: said before a thousand trials fail."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from scipy.spatial import ConvexHull

from ideomotor.errors import DataError

from ._chain import TipKinematics
from ._hand import Hand
from ._object import GraspObject, turned_points

# Bars and plates of 4 to 30 mm height on the table, 400 trials each and two hands: of those lower than one and a half times
# a tip's radius none was held in 4,800 trials, of those above some were.
_FLAT = 1.5


def check_graspable(thing: GraspObject, hand: Hand) -> None:
    """Raise a `DataError` for what is too large or lies too flat for a hand; what passes may still be hard to hold.

    - `thing`: at rest on the table (see `settled`).
    """
    radius, opening = _tips(hand)
    height = max(float(points[:, 2].max()) for points in turned_points(thing))
    lowest = _FLAT * radius
    if height < lowest:
        raise DataError(
            f"{thing.family} lies {1e3 * height:.0f} mm high, too flat for the finger tips, which are {2e3 * radius:.0f} mm thick "
            f"and need {1e3 * lowest:.0f} mm; stand it on its edge (pose=…, another seed), or take a hand with thinner tips."
        )
    width = min(map(_width, thing.parts))
    if width > opening:
        raise DataError(
            f"{thing.family} is at least {1e3 * width:.0f} mm wide wherever it is gripped, and the finger tips open to "
            f"{1e3 * opening:.0f} mm; scale it down (scale=…, --scale), or take a larger hand."
        )


def _width(part: np.ndarray) -> float:
    """The least distance of two parallel planes around a convex part, one of them on a facet."""
    normals = ConvexHull(part).equations[:, :3]
    return float(np.ptp(part @ normals.T, axis=0).min())


@functools.lru_cache(maxsize=8)
def _tips(hand: Hand) -> tuple[float, float]:
    """The least radius of a tip, and the largest gap between two over a grid of commands, m."""
    tips = TipKinematics(hand)
    share = np.linspace(0.0, 1.0, 5 if len(tips.low) < 6 else 2)
    grid = np.stack(np.meshgrid(*[share] * len(tips.low), indexing="ij"), -1).reshape(-1, len(tips.low))
    commands = jnp.asarray(tips.low + (tips.high - tips.low) * grid)
    ends = np.asarray(jax.jit(jax.vmap(tips.tips))(commands))[:, :, 1]
    apart = np.linalg.norm(ends[:, :, None] - ends[:, None], axis=-1) - tips.radius[:, None] - tips.radius
    return float(tips.radius.min()), float(apart.max())
