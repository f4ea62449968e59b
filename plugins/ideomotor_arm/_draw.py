from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ideomotor import AbstractPlant
from ideomotor.capabilities import SupportsLinks, SupportsSheet

from ._wrapper import unwrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_arm(
    axes: "Axes",
    plant: AbstractPlant,
    state: Any,
    *,
    pixels: bool | None = None,
    artists: Sequence[Any] = (),
    **style: Any,
) -> list[Any]:
    """Draw an arm into Matplotlib axes as shoulder, elbow and hand, and return what was drawn.

    - `plant`: an arm with `joint_positions`, in any wrappers.
    - `state`: one of the plant's states, or joint angles of shape `(2,)`.
    - `pixels`: whether in the pixels of a `Sheet` around the arm; by default where there is one. Else in
      metres.
    - `artists`: what an earlier call returned, to be moved instead of drawing another arm.
    - `style`: keyword arguments of `axes.plot`.
    """
    on_sheet = isinstance(plant, SupportsSheet)
    if pixels and not on_sheet:
        raise ValueError(f"draw_arm cannot draw in pixels: there is no Sheet around {type(plant).__name__}.")
    is_angle = isinstance(state, np.ndarray | jax.Array | list | tuple)
    arm, bare = unwrap(plant, None if is_angle else state)
    if not isinstance(arm, SupportsLinks):
        raise ValueError(f"draw_arm cannot draw {type(arm).__name__}, which has no joint_positions.")
    angle = state if is_angle else arm.observe(bare)["angle"]
    points = arm.joint_positions(np.asarray(angle))
    points = np.asarray(plant.to_pixels(points) if on_sheet and pixels is not False else points)
    if artists:
        for line, some in zip(artists, (points, points[:2]), strict=True):
            line.set_data(*some.T)
        return list(artists)
    style = {"color": "0.35", "linewidth": 6, "solid_capstyle": "round", "alpha": 0.6, **style}
    links = axes.plot(points[:, 0], points[:, 1], **style)
    marker = {"color": style["color"], "alpha": style["alpha"], "zorder": links[0].get_zorder() + 0.1}
    joints = axes.plot(points[:2, 0], points[:2, 1], "o", markersize=style["linewidth"] * 1.6, **marker)
    return [*links, *joints]
