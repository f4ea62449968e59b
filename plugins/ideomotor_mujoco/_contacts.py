# pyright: reportAttributeAccessIssue=false
import dataclasses

import mujoco
import numpy as np

from ideomotor.errors import DataError, did_you_mean

_KINDS = {
    "body": mujoco.mjtObj.mjOBJ_BODY,
    "geom": mujoco.mjtObj.mjOBJ_GEOM,
    "site": mujoco.mjtObj.mjOBJ_SITE,
}


@dataclasses.dataclass(frozen=True)
class Contact:
    """Two things that touch.

    - `bodies`: their names; `geoms`: the numbers of their geoms in the model.
    - `position`: where, m, in the world; `normal`: the unit vector from the first to the second.
    - `force`: on the second, N, world axes; the first feels the opposite.
    - `distance`: of the surfaces, m; negative where they press into each other.
    """

    bodies: tuple[str, str]
    geoms: tuple[int, int]
    position: np.ndarray
    normal: np.ndarray
    force: np.ndarray
    distance: float


def contact_forces(
    model: mujoco.MjModel, data: mujoco.MjData
) -> list[tuple[int, int, np.ndarray, np.ndarray]]:
    """`(first geom, second geom, position, force on the second in world axes)` of each contact."""
    found, local = [], np.zeros(6)
    for i in range(data.ncon):
        contact = data.contact[i]
        mujoco.mj_contactForce(model, data, i, local)
        force = local[:3] @ contact.frame.reshape(3, 3)
        found.append((int(contact.geom1), int(contact.geom2), contact.pos.copy(), force))
    return found


def contacts(model: mujoco.MjModel, data: mujoco.MjData) -> list[Contact]:
    """All contacts, with names and forces."""
    found = []
    for i, (one, two, position, force) in enumerate(contact_forces(model, data)):
        bodies = tuple(_body_name(model, model.geom_bodyid[geom]) for geom in (one, two))
        contact = data.contact[i]
        found.append(
            Contact(
                (bodies[0], bodies[1]),
                (one, two),
                position,
                contact.frame[:3].copy(),
                force,
                float(contact.dist),
            )
        )
    return found


def _body_name(model, body) -> str:
    return model.body(int(body)).name or f"body {body}"


class ContactSensors:
    """The total contact force on named bodies, geoms or sites.

    For a body it is that on all its own geoms, not on those of its children; for a site, that on its body inside the site's volume,
    taken as a ball of its largest size.
    """

    def __init__(self, model: mujoco.MjModel, names: tuple[str, ...], owner: str):
        self._geoms: dict[str, tuple[frozenset[int], int]] = {}
        known = [model.body(i).name for i in range(1, model.nbody)] + [
            model.geom(i).name for i in range(model.ngeom)
        ]
        for name in names:
            ids = {kind: mujoco.mj_name2id(model, number, name) for kind, number in _KINDS.items()}
            kind = next((kind for kind, i in ids.items() if i >= 0), None)
            if kind is None:
                raise DataError(
                    f"{owner} has no body, geom or site {name!r} for contact forces."
                    f"{did_you_mean(name, filter(None, known))}"
                )
            if kind == "geom":
                self._geoms[name] = (frozenset([ids["geom"]]), -1)
                continue
            body = ids["body"] if kind == "body" else int(model.site_bodyid[ids["site"]])
            geoms = frozenset(np.flatnonzero(model.geom_bodyid == body).tolist())
            self._geoms[name] = (geoms, ids["site"] if kind == "site" else -1)

    def read(self, model: mujoco.MjModel, data: mujoco.MjData) -> dict[str, np.ndarray]:
        """The force on each, N, world axes: `{name: (3,)}`."""
        total = {name: np.zeros(3) for name in self._geoms}
        if not data.ncon or not total:
            return total
        for one, two, position, force in contact_forces(model, data):
            for name, (geoms, site) in self._geoms.items():
                sign = (two in geoms) - (one in geoms)
                if sign and (site < 0 or _within(model, data, site, position)):
                    total[name] += sign * force
        return total


def _within(model, data, site, position) -> bool:
    return bool(np.linalg.norm(position - data.site_xpos[site]) <= model.site_size[site].max())
