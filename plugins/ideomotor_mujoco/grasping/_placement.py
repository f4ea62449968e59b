"""Where the wrist must be for the finger tips to reach a grasp: Veres et al. 2017, eq. (7)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ideomotor.common import rotations, solvers
from ideomotor.errors import DataError

from ._chain import TipKinematics
from ._hand import Hand, three_finger_hand

_APART = 0.001  # m, at least, between the contacts of a grasp that are farthest from each other


class Placement(NamedTuple):
    """Placements of the hand for one grasp, the best first, which leaves lead with.

    - `wrist`: the palm's pose, `(x, y, z, qw, qx, qy, qz)`. `shape`: commands of the hand when it touches.
    - `error`: the largest distance of a tip's surface from its contact, m.
    """

    wrist: Float[np.ndarray, "count 7"]
    shape: Float[np.ndarray, "count actuators"]
    error: Float[np.ndarray, " count"]


class WristPlacement:
    """Places a hand so that its finger tips reach given contacts, in closed form and then exactly.

    A grid of hand shapes is laid onto the contacts by Kabsch's rotation; the best, of different kinds, are refined by
    Levenberg and Marquardt's method in wrist and fingers together: distance of the tips from the contacts, the palm
    facing along the approach, palm and tips above the table, joints within their limits.

    - `hand`: by default the three-finger hand. `count`: how many are refined. `grid`: commands tried per actuator.
    - `table`: height of the table, m; `None` for no table.
    """

    def __init__(
        self,
        hand: Hand | None = None,
        count: int = 6,
        grid: int = 7,
        steps: int = 12,
        table: float | int | None = 0.0,
    ):
        self.hand = three_finger_hand() if hand is None else hand
        self.count, self.grid, self.steps, self.table = count, grid, steps, table
        self._tips = TipKinematics(self.hand)
        self._shapes = jnp.asarray(_grid(self._tips, grid))
        self._seen = jax.jit(jax.vmap(self._tips.tips))(self._shapes)
        self._solve = jax.jit(jax.vmap(self._place))

    def __call__(
        self,
        contacts: Float[np.ndarray, "*batch tips 3"],
        normals: Float[np.ndarray, "*batch tips 3"],
        approach: Float[np.ndarray, "*batch 3"] | None = None,
    ) -> Placement:
        """Placements for grasps in the world (m); `approach` is the direction from which the palm should come.

        Raises a `DataError` for contacts that are not finite or lie in one point.
        """
        contacts, normals = np.asarray(contacts, float), np.asarray(normals, float)
        tips = len(self.hand.tips)
        if contacts.shape[-2:] != (tips, 3) or normals.shape != contacts.shape:
            raise DataError(
                f"A grasp of this hand has contacts and normals of shape ({tips}, 3), not {contacts.shape} and "
                f"{normals.shape}."
            )
        if not (np.isfinite(contacts).all() and np.isfinite(normals).all()):
            raise DataError("A grasp's contacts and normals must be finite numbers.")
        if (np.ptp(contacts, axis=-2).max(-1) < _APART).any():
            raise DataError(
                f"The contacts of a grasp lie within {1e3 * _APART:g} mm of each other, where no hand can hold anything; give one "
                f"for each of {tips} tips, on different sides of the object."
            )
        lead = contacts.shape[:-2]
        down = np.array([0.0, 0.0, -1.0])
        approach = np.broadcast_to(down if approach is None else np.asarray(approach, float), (*lead, 3))
        flat = [a.reshape(-1, *a.shape[len(lead) :]) for a in (contacts, normals, approach)]
        wrist, shape, error = (np.asarray(x) for x in self._solve(*flat))
        return Placement(
            wrist.reshape(*lead, *wrist.shape[1:]),
            shape.reshape(*lead, *shape.shape[1:]),
            error.reshape(*lead, *error.shape[1:]),
        )

    def _place(self, contacts, normals, approach):
        normals = normals / jnp.maximum(jnp.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
        centres = contacts + self._tips.radius[:, None] * normals
        approach = approach / jnp.linalg.norm(approach)
        starts = self._starts(centres, approach)
        ends = jax.vmap(lambda start: self._refine(start, contacts, normals, approach))(starts)
        error = jax.vmap(lambda x: self._error(x, centres))(ends)
        cost = jax.vmap(lambda x: jnp.sum(self._residual(x, contacts, normals, approach) ** 2))(ends)
        order = jnp.argsort(jnp.where(error < 0.004, cost, 1e6 * error + cost))
        wrist = jax.vmap(lambda x: jnp.concatenate([x[:3], rotations.from_rotation_vector(x[3:6])]))(
            ends[order]
        )
        return wrist, self._commands(ends[order][:, 6:]), error[order]

    def _starts(self, centres, approach):
        """Kabsch for each shape of the grid; the palm behind the contacts counts as a further, lighter point."""
        seen = self._seen[:, :, 1] * 0.8 + self._seen[:, :, 0] * 0.2
        weights = jnp.array([1.0] * len(self.hand.tips) + [0.15])
        middle = seen.mean(1, keepdims=True)
        # A point ahead of the palm along its axis lies ahead of the contacts along the approach.
        mine = jnp.concatenate([seen, middle + jnp.array([0.0, 0.0, 0.1])], 1)
        aim = jnp.concatenate([centres, centres.mean(0)[None] + 0.1 * approach])
        sides = jnp.linalg.norm(seen - jnp.roll(seen, 1, 1), axis=-1)
        wanted = jnp.linalg.norm(centres - jnp.roll(centres, 1, 0), axis=-1)
        mismatch = jnp.sum((sides - wanted) ** 2, -1)
        # The best of each kind: a family of shapes makes the same triangle at different depths of the palm.
        kinds = jnp.argmin(mismatch.reshape(self._kinds, -1), 1)
        chosen = kinds + jnp.arange(self._kinds) * (len(self._shapes) // self._kinds)
        rotation, place, rest = jax.vmap(lambda points: _kabsch(points, aim, weights))(mine[chosen])
        best = jnp.argsort(rest)[: self.count]
        pose = jnp.concatenate(
            [place[best], rotations.to_rotation_vector(rotations.from_matrix(rotation[best]), shortest=True)],
            1,
        )
        return jnp.concatenate([pose, self._free(self._shapes[chosen[best]])], 1)

    @property
    def _kinds(self) -> int:
        return min(self.grid * self.grid, len(self._shapes))

    def _tip_ends(self, x):
        return self._tips.tips(self._commands(x[6:])) @ _matrix(x[3:6]).T + x[:3]

    def _error(self, x, centres):
        ends = self._tip_ends(x)
        return jnp.max(jnp.linalg.norm(_nearest(ends, centres) - centres, axis=-1))

    def _residual(self, x, contacts, normals, approach):
        ends = self._tip_ends(x)
        centres = contacts + self._tips.radius[:, None] * normals
        apart = (_nearest(ends, centres) - centres) / 0.001
        out = (ends[:, 1] - centres) / 0.03  # rather with the end of the finger than with its middle
        facing = 3.0 * (_matrix(x[3:6])[:, 2] - approach)
        ridge = 0.05 * x[6:]
        parts = [apart.ravel(), out.ravel(), facing, ridge]
        if self.table is not None:
            low = jnp.concatenate([ends[:, 1, 2] - self._tips.radius, x[2:3] - 0.03]) - self.table
            parts.append(jnp.minimum(low - 0.002, 0.0) / 0.002)
        return jnp.concatenate(parts)

    def _refine(self, x, contacts, normals, approach):
        """Levenberg and Marquardt: a fixed number of steps, so that a batch is one computation."""

        def residual(x):
            return self._residual(x, contacts, normals, approach)

        scale = jnp.array([0.02] * 3 + [0.2] * 3 + [0.3] * (x.size - 6))

        def step(carry, _):
            x, damping, cost = carry
            value, jacobian = residual(x), jax.jacfwd(residual)(x) * scale
            new = x + scale * solvers.damped_step(jacobian, value, damping)
            lower = jnp.sum(residual(new) ** 2)
            better = lower < cost
            return (
                jnp.where(better, new, x),
                jnp.where(better, damping * 0.3, damping * 4.0),
                jnp.where(better, lower, cost),
            ), None

        start = (x, jnp.asarray(1.0, x.dtype), jnp.sum(residual(x) ** 2))
        return jax.lax.scan(step, start, None, self.steps)[0][0]

    # Commands are kept within their limits by a smooth map from free numbers.
    def _commands(self, free):
        low, high = self._tips.low, self._tips.high
        return low + (high - low) * (0.5 + 0.5 * jnp.sin(free))

    def _free(self, commands):
        low, high = self._tips.low, self._tips.high
        return jnp.arcsin(jnp.clip(2 * (commands - low) / (high - low) - 1, -0.98, 0.98))


def _grid(tips: TipKinematics, count: int) -> Float[np.ndarray, "shapes actuators"]:
    """Commands on a grid; fingers beyond the third number of an actuator close like the second."""
    numbers = len(tips.low)
    share = np.linspace(0.05, 0.9, count)
    axes = np.stack(np.meshgrid(*[share] * min(numbers, 3), indexing="ij"), -1).reshape(-1, min(numbers, 3))
    if numbers == 4:  # spread, two fingers that close alike, and the one that opposes them
        axes = axes[:, [0, 1, 1, 2]]
    while axes.shape[1] < numbers:
        axes = np.concatenate([axes, axes[:, -1:]], 1)
    return tips.low + (tips.high - tips.low) * axes


def _nearest(ends: Float[Array, "tips 2 3"], points: Float[Array, "tips 3"]) -> Float[Array, "tips 3"]:
    """The point of each tip's axis that is nearest to its target."""
    along = ends[:, 1] - ends[:, 0]
    length = jnp.maximum(jnp.sum(along**2, -1), 1e-12)
    share = jnp.clip(jnp.sum((points - ends[:, 0]) * along, -1) / length, 0.0, 1.0)
    return ends[:, 0] + share[:, None] * along


def _kabsch(points, aim, weights):
    """Rotation and shift of `points` onto `aim` (Kabsch 1976), and what is left over."""
    share = weights / weights.sum()
    p0, a0 = share @ points, share @ aim
    u, _, vt = jnp.linalg.svd((points - p0).T @ ((aim - a0) * share[:, None]))
    flip = jnp.array([1.0, 1.0, 1.0]).at[2].set(jnp.sign(jnp.linalg.det(u @ vt)))
    rotation = (u * flip @ vt).T
    place = a0 - rotation @ p0
    rest = jnp.sum(weights[:, None] * (points @ rotation.T + place - aim) ** 2)
    return rotation, place, rest


def _matrix(vector: Float[Array, "3"]) -> Float[Array, "3 3"]:
    return rotations.to_matrix(rotations.from_rotation_vector(vector))
