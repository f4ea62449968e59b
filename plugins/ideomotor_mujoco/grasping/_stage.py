# pyright: reportAttributeAccessIssue=false
"""Grasps of one object to be displayed and tried."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ideomotor.errors import DataError

from .._render import body_poses, shapes
from ._camera import Camera, View, shrunk, to_world
from ._hand import Hand
from ._object import GraspObject
from ._picking import PickingScene
from ._placement import WristPlacement

_APPROACH = (0.25, 0.6, -0.76)


class GraspStage:
    """A hand and an object on a table, in which grasps `{"contacts": (tips, 3), "normals": (tips, 3)}` are seen and tried.

    Grasps are written in the object's frame (m), as networks predict them (Veres et al. 2017). Nothing is made before it
    is asked for.

    - `thing`: a `GraspObject` at rest; by default a mug. `hand`: by default the three-finger hand.
    - `camera`: that takes the picture. `approach`: the direction in which it looks, and in which the palm comes.
    - `axes`: of the object's frame, as for `object_frame`.
    - `seed`: of the object's pose, where no object is given.
    """

    def __init__(
        self,
        thing: GraspObject | None = None,
        hand: Hand | None = None,
        camera: Camera | None = None,
        *,
        approach: Sequence[float | int] | np.ndarray = _APPROACH,
        axes: str = "principal",
        seed: int | None = None,
    ):
        direction = np.asarray(approach, float)
        if direction.shape != (3,) or not np.isfinite(direction).all() or not np.linalg.norm(direction) > 0:
            raise DataError(
                f"approach must be a direction, three numbers that are not all zero, not {approach}."
            )
        self.thing, self.hand, self.camera = thing, hand, camera
        self.approach, self.axes, self.seed = approach, axes, seed

    @functools.cached_property
    def picking(self) -> PickingScene:
        """The scene in which grasps are tried."""
        thing = GraspObject().settled(seed=self.seed) if self.thing is None else self.thing
        return PickingScene(thing, self.hand)

    @functools.cached_property
    def view(self) -> View:
        """What the camera sees of the object, without the hand."""
        model, data = self.picking.thing.on_table()
        middle = data.body("object").xipos
        camera = Camera() if self.camera is None else self.camera
        return camera.capture(model, data, middle.copy(), np.asarray(self.approach, float))

    @functools.cached_property
    def frame(self) -> Float[np.ndarray, "4 4"]:
        """The object's frame in the world, in which grasps are written."""
        return (Camera() if self.camera is None else self.camera).object_frame(self.view, self.axes)

    @functools.cached_property
    def _placement(self) -> WristPlacement:
        return WristPlacement(self.picking.hand)

    def observation(self, pixels: int | None = None) -> Float[np.ndarray, "height width 5"]:
        """The picture as networks take it: colours, depth (m), mask; shrunk to `pixels` a side by means of squares.

        Raises a `DataError` for a size that does not divide that of the camera.
        """
        picture = self.view.observation
        return picture if pixels is None else shrunk(picture, pixels)

    def shapes(self) -> list[dict[str, Any]]:
        """The shapes of hand, object and table: see `ideomotor_mujoco.shapes`."""
        return shapes(self.picking.model)

    def poses(self, grasp: dict[str, Any]) -> Float[np.ndarray, "bodies 7"]:
        """Poses of the bodies with the hand where its tips reach the contacts; raises a `DataError` for anything but a grasp."""
        placed = self._placed(grasp)
        self.picking.place(np.asarray(placed.wrist[0], float), np.asarray(placed.shape[0], float))
        return self._now()

    def marks(self, grasp: dict[str, Any]) -> dict[str, Float[np.ndarray, "tips 3"]]:
        """Contacts (m) and normals in the world, without a hand."""
        return to_world(self.frame, {name: np.asarray(value, float) for name, value in grasp.items()})

    def simulate(self, grasp: dict[str, Any]) -> dict[str, Any]:
        """Try a grasp: place, close, lift, hold.

        Returns `text`, what came of it; `success`; and what to play: `ts` (s) and `poses` `(time, bodies, 7)`. Of a grasp
        that cannot begin these show the hand where it would be.
        """
        picking, placed = self.picking, self._placed(grasp)
        start = picking.choose(placed.wrist, placed.shape, placed.error)
        if start is None:
            pick = picking.pick_placed(placed.wrist, placed.shape, placed.error)
            picking.place(np.asarray(placed.wrist[0], float), np.asarray(placed.shape[0], float))
            ts, poses = [0.0, 1.0], [self._now()] * 2
        else:
            ts, poses = [], []

            def watch(data):
                if np.isfinite(data.qpos).all():
                    ts.append(data.time)
                    poses.append(self._now())

            pick = picking.pick(start.wrist, start.shape, watch=watch)
        text = _MESSAGES.get(pick.reason, pick.reason)
        return {"text": text, "success": pick.held, "ts": np.array(ts), "poses": np.stack(poses)}

    def _placed(self, grasp: dict[str, Any]):
        if not isinstance(grasp, dict) or not {"contacts", "normals"} <= set(grasp):
            raise DataError(f"A grasp is a dictionary of contacts and normals, not {grasp!r:.80}.")
        world = self.marks({name: grasp[name] for name in ("contacts", "normals")})
        return self._placement(world["contacts"], world["normals"], np.asarray(self.approach, float))

    def _now(self) -> np.ndarray:
        return body_poses(self.picking.model, self.picking.data)


_MESSAGES = {
    "held": "The object is lifted and held.",
    "start collision": "The hand would be in the object or in the table before it closes.",
    "missed": "Not every finger tip touches the object.",
    "other part": "Something else of the hand than its tips touches the object.",
    "table": "The hand touches the table while it closes.",
    "lost tip": "A tip comes off while the object is lifted.",
    "dropped": "The object is dropped.",
    "diverged": "The simulation has diverged.",
}
