"""The example that `LatentExplorer` shows where it is given nothing; `python -m ideomotor_widgets._latent_example FOLDER`
trains it again.
"""

import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

import ideomotor

FOLDER = Path(__file__).parent / "examples" / "around"


CARD = """A small conditional variational autoencoder: from a picture of 8 by 8 px with one thing in it to the parameters of a
planar DMP that goes around it on either side. Trained on 400 made demonstrations; an example for widgets, no more."""


def train(steps: int = 4000) -> Any:
    """A small CVAE that has learnt to go around a thing on either side of it.

    400 made demonstrations, a picture of 8 by 8 px each, parameters of planar DMPs, a latent of two numbers.
    """
    random = np.random.default_rng(0)
    count, s = 400, np.linspace(0, 1, 60)
    place = random.uniform(-0.25, 0.25, count)
    side = random.choice([-1.0, 1.0], count)
    wide, skew = random.uniform(0.25, 0.5, count), random.uniform(0.7, 1.4, count)
    bend = np.sin(np.pi * s[None] ** skew[:, None])
    smooth = 10 * s**3 - 15 * s**4 + 6 * s**5
    ys = np.stack([np.broadcast_to(smooth, (count, 60)), (place + side * wide)[:, None] * bend], -1)
    primitive: Any = ideomotor.make("dmp", basis=10)
    ts = np.broadcast_to(s.astype(np.float32), (count, 60))
    params = _fitted(primitive, jnp.asarray(ts), jnp.asarray(ys, jnp.float32))
    observations = np.stack([picture(p) for p in place])
    tower = ideomotor.make("dense-tower", kind="part")
    model: Any = ideomotor.make(
        "cvae",
        output=primitive,
        shape=(8, 8, 1),
        tower=tower,
        latent=2,
        width=32,
        generator=(48, 48),
        share_tower=True,
    )
    model = model.with_scaling(params, observations)

    def loss(model: Any, batch: Any, key: Any) -> Any:
        def one(observation, params, key):
            seen = model.encode(observation)
            return -model.bound(seen, model.scaling.to_output(params), key)[0]

        keys = jax.random.split(key, len(batch["observations"]))
        return jnp.mean(jax.vmap(one)(batch["observations"], batch["params"], keys))

    return ideomotor.train(
        model, loss, {"observations": observations, "params": params}, optax.adam(5e-3), steps=steps,
        batch_size=50, where=lambda m: (m.towers, m.recognition, m.prior_network, m.generating), progress=True,
    )  # fmt: skip


def picture(place: float) -> np.ndarray:
    """A thing in the middle of a picture, as high as `place`; up is at its top."""
    rows, columns = np.mgrid[0:8, 0:8]
    far = ((columns - 3.5) ** 2 + (rows - 3.5 + 7 * place) ** 2) / 2.5
    return np.exp(-far)[..., None].astype(np.float32)


@eqx.filter_jit
def _fitted(primitive: Any, ts: Any, ys: Any) -> Any:
    return jax.vmap(lambda t, y: primitive.fit(ideomotor.Trajectory(t, y)))(ts, ys)


if __name__ == "__main__":
    print(ideomotor.save(train(), sys.argv[1], seed=0, card=CARD))
