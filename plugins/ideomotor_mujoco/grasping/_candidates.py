# pyright: reportAttributeAccessIssue=false
import mujoco
import numpy as np
from jaxtyping import Float

from ._hand import Hand
from ._object import GraspObject


def candidates(
    thing: GraspObject, hand: Hand, count: int, seed: int
) -> tuple[Float[np.ndarray, "count 7"], Float[np.ndarray, "count actuators"]]:
    """Wrist poses and pre-shapes worth trying: half aim along surface normals, half at the middle of the object.

    The palm looks at the object from above the table, at a distance at which the fingers reach around it.
    """
    random = np.random.default_rng(seed)
    points, normals = _surface(thing, 4 * count, random)
    middle = points.mean(0)
    shapes = np.array(hand.preshapes)[random.integers(len(hand.preshapes), size=count)]
    offset, frame = _grasp_frame(hand)
    wrists = np.empty((count, 7))
    for i in range(count):
        while True:
            k = random.integers(len(points))
            if random.random() < 0.5:
                target, back = points[k], normals[k] + random.normal(scale=0.2, size=3)
                distance = random.uniform(0.02, 0.08)
            else:
                target, back = middle, random.normal(size=3)
                distance = random.uniform(0.06, 0.11)
            back = back / np.linalg.norm(back)
            if back[2] > -0.1:
                break
        rotation = _looking(-back, random.uniform(0, 2 * np.pi)) @ frame.T
        wrists[i, :3] = target + distance * back - rotation @ offset
        mujoco.mju_mat2Quat(wrists[i, 3:], rotation.ravel())
    return wrists, shapes


def _grasp_frame(hand: Hand) -> tuple[np.ndarray, np.ndarray]:
    """Position and axes of the grasp site in the palm."""
    from .._model import compile_spec, read_spec

    model = compile_spec(read_spec(hand.model), hand.name)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    palm, site = data.body(hand.palm), data.site(hand.grasp)
    axes = palm.xmat.reshape(3, 3).T
    return axes @ (site.xpos - palm.xpos), axes @ site.xmat.reshape(3, 3)


def _looking(forward: np.ndarray, roll: float) -> np.ndarray:
    """Axes as columns with z along `forward`, turned by `roll` about it."""
    length = np.hypot(forward[0], forward[1])
    # Across the vertical; where that is forward, any way.
    x = np.array([-forward[1], forward[0], 0.0]) / length if length >= 1e-3 else np.array([1.0, 0.0, 0.0])
    y = np.array([-forward[2] * x[1], forward[2] * x[0], forward[0] * x[1] - forward[1] * x[0]])
    c, s = np.cos(roll), np.sin(roll)
    return np.stack([c * x + s * y, -s * x + c * y, forward], 1)


def _surface(thing: GraspObject, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points on the parts' hulls and their outward normals, in the world, spread by area."""
    from scipy.spatial import ConvexHull

    corners, normals = [], []
    for part in thing.parts:
        hull = ConvexHull(part)
        corners.append(part[hull.simplices])
        normals.append(hull.equations[:, :3])
    triangles, outward = np.concatenate(corners), np.concatenate(normals)
    sides = triangles[:, 1:] - triangles[:, :1]
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    chosen = random.choice(len(area), size=count, p=area / area.sum())
    u = np.sort(random.random((count, 2)), axis=1)
    weights = np.stack([u[:, 0], u[:, 1] - u[:, 0], 1 - u[:, 1]], 1)
    points = np.einsum("nk,nkd->nd", weights, triangles[chosen])
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, np.array(thing.pose[3:]))
    rotation = rotation.reshape(3, 3)
    return points @ rotation.T + np.array(thing.pose[:3]), outward[chosen] @ rotation.T
