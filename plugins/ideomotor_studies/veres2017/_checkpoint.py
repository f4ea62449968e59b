"""A trained distribution over grasps, and how to read it: what it sees, and in which axes it answers."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ideomotor import load, save, write_json
from ideomotor.errors import CheckpointError
from ideomotor_mujoco.grasping import Camera, View, to_world

from ._data import layers, seen

SHIPPED = Path(__file__).parent / "checkpoints" / "grasp"
_READING = "reading.json"


@dataclasses.dataclass(frozen=True)
class GraspModel:
    """A Perception of grasps with its conventions.

    - `perception`: from what `observe` makes of a picture of so many `pixels` along each side, with or without
      `colours`, to `{"contacts": (3, 3), "normals": (3, 3)}` in the object's frame, m.
    - `frame`: the axes of that frame, for `object_frame`. `camera`: what the training pictures were taken with.
    - `physics`: the digest of hand and physics that it was trained with (`PickingScene.digest`).
    """

    perception: Any
    frame: str
    pixels: int
    colours: bool
    camera: Camera
    physics: str

    @property
    def layers(self) -> tuple[str, ...]:
        """What it sees of a picture, for `grasp-perception`."""
        return layers(self.colours)

    def observe(self, view: View) -> Float[np.ndarray, "pixels pixels channels"]:
        """A picture as the network wants it."""
        return seen(view, self.camera, self.pixels, self.colours)

    def grasps(
        self, view: View, key: PRNGKeyArray, count: int = 10
    ) -> dict[str, Float[np.ndarray, "count tips 3"]]:
        """Sampled grasps in the world: `contacts` (m) and unit `normals`.

        Raises a `DataError` if no object is in the picture.
        """
        frame = self.camera.object_frame(view, self.frame)
        made = _sample(self.perception, jnp.asarray(self.observe(view)), key, count)
        found = to_world(frame, {name: np.asarray(array, float) for name, array in made.items()})
        length = np.linalg.norm(found["normals"], axis=-1, keepdims=True)
        return {"contacts": found["contacts"], "normals": found["normals"] / np.maximum(length, 1e-9)}


def _sample(perception: Any, observation: Array, key: PRNGKeyArray, count: int) -> Any:
    return jax.vmap(lambda k: perception(observation, key=k))(jax.random.split(key, count))


def save_grasp_model(model: GraspModel, folder: Path | str, *, metrics: dict[str, float], card: str) -> Path:
    """Save it with its conventions to a folder; numbers are stored in half precision."""
    folder = save(model.perception, folder, metrics=metrics, card=card, dtype="float16", overwrite=True)
    about = {f.name: getattr(model, f.name) for f in dataclasses.fields(model) if f.name != "perception"}
    write_json(folder / _READING, about | {"camera": dataclasses.asdict(model.camera)})
    return folder


def load_grasp_model(folder: Path | str = SHIPPED) -> GraspModel:
    """The trained model that comes with Ideomotor, or one from another folder.

    Raises a `CheckpointError` if there is none.
    """
    folder = Path(folder)
    if not (folder / _READING).exists():
        raise CheckpointError(
            f"There is no trained grasp model in {folder}; train one with `ideomotor reproduce veres2017`, which writes it "
            f"to the folder `grasp` of its run."
        )
    about = json.loads((folder / _READING).read_text(encoding="utf-8"))
    camera = Camera(**about.pop("camera"))
    return GraspModel(load(folder, kind="perception"), camera=camera, **about)
