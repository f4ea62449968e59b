# pyright: reportAttributeAccessIssue=false
import mujoco
import numpy as np
from jaxtyping import Float

from .._model import compile_spec
from ._camera import Camera, View
from ._object import GraspObject, turned_points
from ._table import Settings, table


def look_at(
    thing: GraspObject,
    forward: Float[np.ndarray, "3"],
    camera: Camera | None = None,
    *,
    settings: Settings | None = None,
    seed: int = 0,
) -> View:
    """What a camera that looks along `forward` at the thing's middle sees of it, alone on the table.

    - `seed`: of the camera's noise, if it has any.
    """
    spec = table(Settings() if settings is None else settings)
    spec.attach(thing.spec(), frame=spec.worldbody.add_frame(), prefix="")
    model = compile_spec(spec, thing.family)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    points = np.vstack(turned_points(thing))
    middle = (points.min(0) + points.max(0)) / 2
    camera = Camera() if camera is None else camera
    return camera.look(model, data, middle, np.asarray(forward, float), np.random.default_rng(seed))
