"""The map of what a perception means; a movement for each point, or a grasp."""

import io

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import ideomotor
from ideomotor.errors import DataError
from ideomotor_widgets import LatentExplorer
from ideomotor_widgets._canvas import Canvas3D  # what it draws on
from ideomotor_widgets._embedding import Embedding


class Coin(ideomotor.AbstractPerception):
    """A stranger's perception without a latent that it tells: left or right, by the key."""

    def default_observation(self):
        return jnp.zeros(2)

    def __call__(self, observation, *, key=None):
        side = 0.0 if key is None else jnp.sign(jax.random.normal(key))
        return side + observation[0]


class Line(ideomotor.AbstractFeedforwardPrimitive):
    """Straight ahead and aside by the parameter."""

    def default_params(self):
        return jnp.array(0.0)

    def trajectory(self, params, ts, *, key=None):
        return jnp.stack([ts, params * ts], -1)


class Block:
    """A stage without a simulator behind it: a body where the parameters say."""

    tried = None

    def shapes(self):
        return [
            {
                "kind": "box",
                "size": [0.1] * 3,
                "rgba": [1, 0, 0, 1.0],
                "body": 0,
                "pose": [0, 0, 0, 1, 0, 0, 0],
            }
        ]

    def poses(self, params):
        return np.array([[*params["contacts"][0], 1.0, 0, 0, 0]])

    def marks(self, params):
        return params

    def simulate(self, params):
        self.tried = params
        poses = np.repeat(self.poses(params)[None], 2, 0)
        poses[1, 0, 2] += 0.3
        return {"text": "lifted", "success": True, "ts": np.array([0.0, 1.0]), "poses": poses}


@pytest.fixture(scope="module")
def shipped():
    explorer = LatentExplorer(samples=60)
    explorer.ready()
    assert not explorer.error
    return explorer


@pytest.fixture
def explorer(shipped):
    """The shipped example at its first samples."""
    shipped.clear_error()
    shipped.key.value, shipped.which.value = 0, "latent"
    return shipped


def coin(**more):
    explorer = LatentExplorer(Coin(), np.zeros(2, np.float32), primitive=Line(), samples=20, **more)
    explorer.ready()
    return explorer


def test_a_point_of_the_map_is_its_latent_and_what_the_model_makes_of_it(explorer, send):
    model = explorer.model
    meant = eqx.filter_jit(lambda m, x, z: m.to_params(m.generate(m.encode(x), z).mean))
    for point in ((0.4, -0.7), (-1.0, 0.3)):
        send(explorer.map, handles=[{**explorer.map.handles[0], "x": point[0], "y": point[1]}])
        wanted = meant(model, jnp.asarray(explorer.observation), jnp.array(point))
        assert not explorer.error
        for mine, theirs in zip(jax.tree.leaves(explorer.params), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)  # float32, summed otherwise
    path = model.output.trajectory(explorer.params, jnp.asarray(explorer._ts))
    numbers = np.frombuffer(explorer.canvas.data, np.float32)
    drawn = next(layer for layer in explorer.canvas.layers if layer.get("trail"))
    mine = numbers[drawn["at"] : drawn["at"] + 2 * drawn["points"]].reshape(-1, 2)
    np.testing.assert_allclose(mine, path, atol=1e-3)


def test_samples_are_those_of_the_prior_and_the_key(explorer):
    first = explorer._drawn.latents.copy()
    prior = eqx.filter_jit(lambda m, x: m.encode(x).prior)(explorer.model, jnp.asarray(explorer.observation))
    z = (first - np.asarray(prior.mean)) / np.exp(np.asarray(prior.log_sigma))
    assert np.abs(z.mean(0)).max() < 4 / np.sqrt(60) and np.abs(z.std(0) - 1).max() < 0.4
    explorer.sample_again()
    assert explorer.key.value == 1 and not np.allclose(explorer._drawn.latents, first)
    explorer.key.value = 0
    np.testing.assert_array_equal(explorer._drawn.latents, first)


def test_the_shipped_example_goes_around_on_both_sides(explorer):
    """Its demonstrations do by construction; at half the way up or down by more than the thing is wide."""
    middle = explorer._ghosts[:, 20, 1]
    assert middle.max() > 0.3 and middle.min() < -0.2


def test_other_maps_choose_the_nearest_sample(explorer):
    explorer.which.value = "pca"
    target = explorer.embedding.xy[7]
    explorer.show_sample(7)
    assert explorer.embedding.nearest(target + 1e-6) == 7
    np.testing.assert_array_equal(
        np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(explorer.params)]),
        np.float32(explorer._drawn.outputs[7]),
    )
    with pytest.raises(ValueError, match="no sample 60"):
        explorer.show_sample(60)


def test_a_principal_plane_is_that_of_scikit_learn():
    decomposition = pytest.importorskip("sklearn.decomposition")
    points = np.random.default_rng(0).normal(size=(50, 5)) * [5, 3, 1, 0.5, 0.1]
    mine, theirs = Embedding(points, "pca").xy, decomposition.PCA(2).fit_transform(points)
    np.testing.assert_allclose(np.abs(mine), np.abs(theirs), atol=1e-9)
    back = Embedding(points[:, :2], "pca")
    np.testing.assert_allclose(back.back(back.xy[3]), points[3, :2], atol=1e-9)


def test_neighbours_stay_together_by_tsne():
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(size=(20, 6)), random.normal(size=(20, 6)) + 12])
    one, other = np.split(Embedding(points, "t-sne").xy, 2)
    apart = np.linalg.norm(one.mean(0) - other.mean(0))
    assert apart > 2 * max(one.std(), other.std())
    with pytest.raises(DataError, match="no map 'umap'"):
        Embedding(points, "umap")
    with pytest.raises(DataError, match="these points have 6"):
        Embedding(points, "plane")


def test_any_perception_that_samples_can_be_seen(send):
    explorer = coin()
    assert not explorer.error and "latent" not in dict(explorer.which.options).values()
    assert set(explorer._drawn.outputs.ravel()) == {-1.0, 1.0}, "both sides of the coin came up"
    ends = [explorer.embedding.xy[np.argmax(explorer._drawn.outputs[:, 0] * s)] for s in (1, -1)]
    for end, side in zip(ends, (1.0, -1.0), strict=True):
        explorer.go(end)
        assert float(explorer.params) == side
    explorer.close()


def test_a_movement_is_tried_with_a_function_in_a_thread():
    import threading

    asked = []
    explorer = coin(
        simulate=lambda params: asked.append(threading.current_thread().name) or {"text": f"{params:.0f} m"}
    )
    explorer.show_sample(0)
    explorer.try_it()
    explorer.wait()
    assert (
        explorer.verdict.value in ("1 m", "-1 m") and asked == ["LatentExplorer works"] and not explorer.error
    )
    explorer.simulate = lambda params: 1 / 0
    explorer.try_it()
    explorer.wait()
    assert "ZeroDivisionError" in explorer.error and "Traceback" in explorer.notice.details
    explorer.simulate = lambda params: ideomotor.Trajectory(np.linspace(0, 1, 9), np.ones((9, 2)))
    explorer.try_it()
    explorer.wait()
    assert not explorer.error and explorer.player.playing and "shown below" in explorer.verdict.value
    explorer.close()


def test_a_movement_is_tried_on_a_plant():
    explorer = coin(plant=ideomotor.make("point-mass"))
    explorer.try_it()
    explorer.wait()
    assert not explorer.error and explorer.result.us is not None and explorer.player is not None
    explorer.close()


def test_a_grasp_is_seen_in_space_and_tried(send):
    class Two(Coin):
        def __call__(self, observation, *, key=None):
            place = jnp.zeros((3, 3)) if key is None else jax.random.normal(key, (3, 3))
            return {"contacts": place, "normals": jnp.ones((3, 3))}

    stage = Block()
    explorer = LatentExplorer(Two(), np.zeros(2, np.float32), stage=stage, samples=10)
    explorer.ready()
    assert not explorer.error and isinstance(explorer.canvas, Canvas3D)
    explorer.show_sample(4)
    numbers = np.frombuffer(explorer.canvas.data, np.float32)
    poses = next(layer for layer in explorer.canvas.layers if layer["kind"] == "poses")
    np.testing.assert_allclose(
        numbers[poses["at"] : poses["at"] + 3], explorer._drawn.outputs[4, :3], atol=1e-6
    )
    explorer.try_it()
    explorer.wait()
    assert explorer.verdict.value == "lifted" and explorer.canvas.playing and explorer.canvas.controls
    np.testing.assert_array_equal(stage.tried["contacts"], np.asarray(explorer.params["contacts"]))
    with Image.open(io.BytesIO(explorer.snapshot())) as picture:
        assert np.asarray(picture.convert("L")).std() > 5
    explorer.close()


def test_bytes_of_an_update(explorer, sent_bytes):
    explorer.go((0.1, 0.1))
    with sent_bytes(explorer) as sent:
        explorer.go((0.2, 0.0))
    assert 2_000 < sum(sent) <= 60_000


def test_bad_input():
    with pytest.raises(ValueError, match="needs at least 3"):
        LatentExplorer(samples=2)
    wrong = LatentExplorer(Coin(), np.zeros(3), primitive=Line(), samples=5)
    wrong.ready()
    assert "must be of shape (2,), as Coin takes it, not of (3,)" in wrong.error
    nothing = LatentExplorer(Coin(), samples=5)
    nothing.ready()
    assert "give the primitive" in nothing.error and "stage" in nothing.error
    nothing.sample_again()  # and goes on saying so
    assert nothing.error

    class Broken(Coin):
        scale: float = eqx.field(static=True, default=float("nan"))

        def __call__(self, observation, *, key=None):
            return observation[0] * self.scale

    broken = LatentExplorer(Broken(), np.zeros(2, np.float32), primitive=Line(), samples=5)
    broken.ready()
    assert "samples are not finite" in broken.error
    explorer = coin()
    with pytest.raises(ValueError, match="two finite numbers"):
        explorer.go((np.nan, 0.0))


def test_closing_leaves_nothing_open(open_widgets):
    before = open_widgets()
    explorer = coin(simulate=lambda params: ideomotor.Trajectory(np.linspace(0, 1, 9), np.ones((9, 2))))
    explorer.try_it()
    explorer.wait()
    explorer.close()
    assert open_widgets() == before
