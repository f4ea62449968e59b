import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import Pipeline, host
from ideomotor._pipeline import check_kinds  # `Pipeline` itself: see test_parts_of_another_kind
from ideomotor.errors import AssemblyError, DataError

from ._parts import (
    Ask,
    Count,
    Jitter,
    Line,
    Look,
    NumpyLine,
    NumpyLook,
    NumpySpring,
    NumpyWaves,
    Pull,
    Spring,
    Wave,
    Waves,
)

TS = jnp.linspace(0.0, 1.0, 11)
IMAGE = jnp.linspace(-1.0, 1.0, 9).reshape(3, 3)


def same(one, other, **kwargs):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, **{"rtol": 1e-5, "atol": 1e-6, **kwargs}), one, other
    )


# -------------------------------------------------------------------------------------------- what it plays


def test_observation_becomes_movement():
    look, waves, spring = Look(), Waves(), Spring()
    pipeline = Pipeline(look, waves, spring)
    same(pipeline(IMAGE, TS), ideomotor.rollout(waves, look(IMAGE), TS, plant=spring))
    same(pipeline.params(IMAGE), look(IMAGE))
    same(Pipeline(look, waves)(IMAGE, TS).ys, waves.trajectory(look(IMAGE), TS))
    np.testing.assert_array_equal(pipeline.default_observation(), jnp.zeros((3, 3)))


def test_without_perception_the_observation_is_the_parameters():
    waves = Waves()
    params = Wave(jnp.array([1.0, 2.0]), jnp.array([0.5, 0.0]))
    pipeline = Pipeline(None, waves)
    same(pipeline(params, TS).ys, waves.trajectory(params, TS))
    same(pipeline.default_observation(), waves.default_params())


def test_without_perception_and_with_a_planner_the_observation_is_the_query():
    pipeline = Pipeline(None, Waves(), planner=Line())
    query = (jnp.zeros(2), jnp.array([1.0, 2.0]))
    same(pipeline.params(query), Waves().fit(Line()(*query)))
    same(pipeline.default_observation(), Line().default_query())


def test_the_primitive_imitates_what_the_planner_found():
    with jax.enable_x64(True):

        class Sine(Line):  # a plan that the primitive can imitate exactly
            def __call__(self, start, goal, *, key=None):
                ts = jnp.linspace(0.0, 1.0, self.samples)
                return ideomotor.Trajectory(ts, start + jnp.sin(2.0 * ts)[:, None] * goal)

        pipeline = Pipeline(Ask(), Waves(), planner=Sine())
        goal = jnp.array([0.3, -0.7])
        params = pipeline.params(goal)
        same(params, Wave(goal, jnp.zeros(2)), atol=1e-12)
        same(pipeline(goal, TS).ys, np.sin(2 * TS)[:, None] * goal, atol=1e-12)


def test_initial_state_and_keys_are_passed_on():
    x0 = {"position": jnp.ones(2), "velocity": jnp.zeros(2)}
    movement = Pipeline(None, Pull(), Spring())({"target": jnp.ones(2)}, TS, x0=x0)
    same(movement.xs["position"][0], jnp.ones(2))
    noisy = Pipeline(None, Waves(), Jitter())
    one, again, other = (noisy(Waves().default_params(), TS, key=jax.random.key(i)) for i in (0, 0, 1))
    same(one, again, rtol=0, atol=0)
    assert np.abs(one.xs - other.xs).max() > 0.01


def test_each_part_that_samples_has_its_own_key():
    seen = []

    class Spy(Look):
        def __call__(self, observation, *, key=None):
            seen.append(key)
            return super().__call__(observation)

    class SpyWaves(Waves):
        def trajectory(self, params, ts, *, key=None):
            seen.append(key)
            return super().trajectory(params, ts)

    with jax.disable_jit():
        pipeline = Pipeline(Spy(), SpyWaves(), Jitter())
        seen.clear()
        pipeline(IMAGE, TS, key=jax.random.key(0))
    numbers = [tuple(jax.random.key_data(key).tolist()) for key in seen]
    assert len(numbers) == len(set(numbers)) == 2


def test_compiles_once():
    traces = []

    class Spy(Look):
        def __call__(self, observation, *, key=None):
            traces.append(1)
            return super().__call__(observation)

    pipelines = [Pipeline(Spy(key=jax.random.key(i)), Waves(), Spring(1.0 + i)) for i in range(3)]
    traces.clear()
    for i, pipeline in enumerate(pipelines):
        pipeline(IMAGE + i, TS * (i + 1))
    assert len(traces) == 1


def test_host_parts_run_without_tracing():
    pipeline = Pipeline(host(NumpyLook()), host(NumpyWaves()), host(NumpySpring()))
    image = np.arange(4.0).reshape(2, 2)
    movement = pipeline(image, np.linspace(0.0, 1.0, 11))
    assert movement.xs.dtype == np.float64
    np.testing.assert_array_equal(movement.us, NumpyWaves().trajectory(NumpyLook()(image), movement.ts))
    same(jax.jit(lambda image: pipeline(image, TS))(image), movement, rtol=1e-4, atol=1e-5)


def test_host_planner_whose_plans_differ_in_length():
    pipeline = Pipeline(None, Waves(), planner=host(NumpyLine()))
    for goal in ([1.0, 0.0], [6.0, 8.0]):
        movement = pipeline((np.zeros(2), np.array(goal)), TS)
        assert movement.ys.shape == (11, 2)
        assert np.all(np.isfinite(movement.ys))


# ------------------------------------------------------------------------------------- a pipeline is a tree


def test_tree_at_changes_a_field_and_leaves_the_rest():
    pipeline = Pipeline(Look(), Waves(), Spring())
    heavy = eqx.tree_at(lambda p: p.plant.mass, pipeline, jnp.array(3.0))
    same(heavy(IMAGE, TS), Pipeline(Look(), Waves(), Spring(3.0))(IMAGE, TS))
    assert float(pipeline.plant.mass) == 1.0


def test_vmap_over_observations_and_over_pipelines():
    pipeline = Pipeline(Look(), Waves(), Spring())
    images = jnp.stack([IMAGE, 0.5 * IMAGE, -IMAGE])
    together = jax.vmap(lambda image: pipeline(image, TS))(images)
    for i in range(3):
        same(jax.tree.map(lambda leaf: leaf[i], together), pipeline(images[i], TS))  # noqa: B023
    springs = eqx.filter_vmap(Spring)(jnp.array([1.0, 2.0, 3.0]))
    many = eqx.filter_vmap(lambda plant: Pipeline(Look(), Waves(), plant)(IMAGE, TS).xs["position"][-1])(
        springs
    )
    for i, mass in enumerate((1.0, 2.0, 3.0)):
        same(many[i], Pipeline(Look(), Waves(), Spring(mass))(IMAGE, TS).xs["position"][-1])


def test_nothing_is_checked_when_a_tree_is_put_together_again():
    pipeline = Pipeline(Look(), Waves(), Spring())
    leaves, treedef = jax.tree.flatten(pipeline)
    marks = [object() for _ in leaves]  # as JAX does inside its transformations
    odd = jax.tree.unflatten(treedef, marks)
    assert all(a is b for a, b in zip(jax.tree.leaves(odd), marks, strict=True))


@pytest.mark.parametrize("primitive", [Waves, Pull], ids=["feedforward", "feedback"])
def test_gradient_from_movement_to_image_and_weights_equals_finite_differences(primitive):
    """image → parameters → commands → plant → loss, under jit and vmap."""

    class LookTarget(Look):
        def __call__(self, observation, *, key=None):
            wave = super().__call__(observation)
            return wave if primitive is Waves else {"target": wave.amplitude + wave.offset}

    with jax.enable_x64(True):
        pipeline = Pipeline(LookTarget(), primitive(), Spring(substeps=2))
        images = jnp.stack([IMAGE, 0.3 * IMAGE[::-1]]).astype(float)
        dynamic, static = eqx.partition((pipeline, images), eqx.is_inexact_array)

        @jax.jit
        def loss(dynamic):
            pipeline, images = eqx.combine(dynamic, static)
            ends = jax.vmap(lambda image: pipeline(image, jnp.linspace(0.0, 1.0, 11)).ys["position"][-1])(
                images
            )
            return jnp.sum((ends - 0.2) ** 2)

        gradient = jax.jit(jax.grad(loss))(dynamic)
        for seed in range(3):
            rng = np.random.default_rng(seed)
            direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), dynamic)  # noqa: B023
            up, down = (loss(jax.tree.map(lambda a, b: a + h * b, dynamic, direction)) for h in (1e-5, -1e-5))  # noqa: B023
            slope = sum(
                jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True)
            )
            np.testing.assert_allclose(slope, (up - down) / 2e-5, rtol=1e-6, atol=1e-10)
        assert np.abs(gradient[1]).max() > 1e-4  # it does reach the image


# -------------------------------------------------------------------------------- what does not fit is said


def refused(*args, **kwargs) -> str:
    with pytest.raises(AssemblyError) as caught:
        Pipeline(*args, **kwargs)
    return str(caught.value)


def test_perception_and_primitive_that_do_not_fit():
    text = refused(Look(), Waves(dof=3))
    assert text.startswith("Look does not fit Waves: .amplitude has shape (2,) where (3,) is needed.")
    assert "Waves takes parameters: Wave(amplitude=f32[3], offset=f32[3])" in text
    assert "Look gives: Wave(amplitude=f32[2], offset=f32[2])" in text


def test_perception_and_primitive_of_other_structure():
    text = refused(Look(), Pull())
    assert (
        "Look does not fit Pull: it has a different structure" in text
        and "Pull takes parameters: {'target': f32[2]}" in text
    )


def test_perception_and_planner_that_do_not_fit():
    text = refused(Look(), Waves(), planner=Line())
    assert "Look does not fit Line" in text and "Line takes query: (f32[2], f32[2])" in text


def test_commands_and_plant_that_do_not_fit():
    text = refused(None, Waves(dof=3), Spring())
    assert text.startswith("Waves does not fit Spring: it has shape (3,) where (2,) is needed.")
    assert "Spring takes command: f32[2]" in text and "Waves gives: f32[3]" in text


def test_feedback_and_policy_that_do_not_fit():
    class Blind(Spring):
        def observe(self, state, *, key=None):
            return {"velocity": state["velocity"]}

    text = refused(None, Pull(), Blind())
    assert text.startswith("Blind does not fit Pull: it lacks ['position'].")
    assert "Pull takes feedback: {'position': f32[2]}" in text and "Blind gives: {'velocity': f32[2]}" in text


def test_feedback_may_have_more_than_the_policy_looks_at():
    Pipeline(None, Pull(), Spring())  # also shows the velocity


def test_a_policy_that_looks_needs_a_plant():
    assert "Pull requires the feedback of a plant, but the pipeline has none" in refused(None, Pull())
    Pipeline(None, Count())


def test_a_policy_whose_commands_do_not_fit():
    text = refused(None, Count(), Spring())
    assert text.startswith("Count does not fit Spring: it has shape () where (2,) is needed")


def test_integer_commands_are_refused():
    class Whole(Waves):
        def trajectory(self, params, ts, *, key=None):
            return super().trajectory(params, ts).astype(int)

    assert "it holds integer numbers where floating-point are needed" in refused(None, Whole(), Spring())


def test_a_planner_needs_a_primitive_that_imitates():
    text = refused(Ask(), Pull(), Spring(), planner=Line())
    assert "Line gives a trajectory, but Pull cannot imitate one: it has no `fit`" in text
    text = refused(None, host(NumpyWaves()), planner=Line())
    assert "NumpyWaves cannot imitate one" in text


def test_host_parts_are_named_by_their_own_class():
    text = refused(host(NumpyLook()), host(NumpyWaves(3)))
    assert text.startswith("NumpyLook does not fit NumpyWaves: it has shape (2, 2) where (2, 3) is needed")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"perception": Waves()}, "The perception of a pipeline must be an AbstractPerception, not Waves"),
        ({"primitive": None}, "The primitive of a pipeline must be an AbstractPrimitive, not NoneType"),
        ({"primitive": Spring()}, "The primitive of a pipeline must be an AbstractPrimitive, not Spring"),
        ({"plant": NumpySpring()}, "AbstractPlant, not NumpySpring; wrap a plain object with ideomotor.host"),
        ({"planner": Spring()}, "The planner of a pipeline must be an AbstractPlanner, not Spring"),
        ({"primitive": Waves}, "AbstractPrimitive, not the class Waves; make it: Waves\\(…\\)"),
    ],
)
def test_parts_of_another_kind(parts, words):
    # Called directly, because the type checker that the tests run with would speak first.
    check_kinds({"perception": None, "primitive": Waves(), "plant": None, "planner": None})
    with pytest.raises(AssemblyError, match=words):
        check_kinds({"perception": None, "primitive": Waves(), "plant": None, "planner": None} | parts)


def test_observations_are_checked_when_the_pipeline_is_called():
    pipeline = Pipeline(Look(), Waves())
    with pytest.raises(AssemblyError) as caught:
        pipeline(jnp.zeros((5, 3, 3)), TS)
    assert "the observation does not fit Look: it has shape (5, 3, 3) where (3, 3) is needed" in str(
        caught.value
    )
    with pytest.raises(AssemblyError, match="holds integer numbers"):
        pipeline.params(np.zeros((3, 3), np.uint8))
    with pytest.raises(AssemblyError, match="the observation does not fit Waves"):
        Pipeline(None, Waves())(jnp.zeros(2), TS)
    with pytest.raises(AssemblyError, match="the observation does not fit Line"):
        Pipeline(None, Waves(), planner=Line())(jnp.zeros(2), TS)
    with pytest.raises(DataError, match="ts must increase"):
        pipeline(IMAGE, TS[::-1])
