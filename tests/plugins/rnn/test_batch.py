"""Training computes a batch as one movement with the trial last: the same numbers as one movement after the other."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ideomotor
from ideomotor import rollout
from ideomotor_arm import CurlField, Delayed, MuscleArm, Noisy, PulseLoad, arm26
from ideomotor_rnn import CircleCommand, CircleTask, ReachCommand, ReachTask, RecurrentPolicy, ScheduledPolicy
from ideomotor_rnn._batch import ManyPolicies, trials_last


def _double(tree):
    return jax.tree.map(lambda x: x.astype(float) if eqx.is_inexact_array(x) else x, tree)


def _one_by_one(task, policy, trials):
    """The costs by one rollout for each trial."""
    ts = task.times()
    first_steps = round(task.hold / task.dt)

    def trial(x0, activity, first, second):
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), first, second)
        scheduled, schedule = ScheduledPolicy.steps(policy, both, task.hold)
        movement = rollout(scheduled, schedule, ts, plant=task.plant, x0=x0, p0=scheduled.state(activity))
        told = jax.tree.map(
            lambda x: jnp.stack([x[0]] * first_steps + [x[1]] * (len(ts) - first_steps)), both
        )
        return told.movement_cost(movement, d0=trials.d0, alpha=task.alpha, gamma=task.gamma)

    return jax.vmap(trial)(trials.x0, trials.activity, trials.first, trials.second)


@pytest.mark.parametrize(
    ("make", "plant", "cell"),
    [
        pytest.param(ReachTask, MuscleArm(), ideomotor.make("rate-cell", 4), marks=pytest.mark.thorough),
        (CircleTask, MuscleArm(), ideomotor.make("rate-cell", 4)),
        pytest.param(ReachTask, arm26(), ideomotor.make("gru-cell", 4), marks=pytest.mark.thorough),
        (ReachTask, Delayed(CurlField(MuscleArm(), 5.0), 0.02, samples=4), ideomotor.make("rate-cell", 4)),
        pytest.param(
            partial(ReachTask, holding=1.0),
            PulseLoad(MuscleArm(), onset=0.05),
            ideomotor.make("rate-cell", 4),
            marks=pytest.mark.thorough,
        ),
    ],
    ids=["reach", "circle", "arm26-gru", "delayed-field", "hold-pulse"],
)
def test_costs_and_gradient_are_those_of_single_movements(make, plant, cell):
    with jax.enable_x64(True):
        task = make(_double(plant), hold=0.04, duration=0.06)
        command = CircleCommand() if isinstance(task, CircleTask) else ReachCommand()
        policy = _double(RecurrentPolicy(command, cell, key=jax.random.key(2)))
        trials = _double(task.sample(policy, jax.random.key(0), 3))

        def both(costs):
            @jax.jit
            def total(weights):
                each = costs(eqx.tree_at(lambda p: p.weights(), policy, weights))
                return jnp.sum(each**2), each

            return jax.value_and_grad(total, has_aux=True)(policy.weights())

        (_, got), gradient = both(lambda policy: task.costs(policy, trials, None))
        (_, wanted), expected = both(lambda policy: _one_by_one(task, policy, trials))
        np.testing.assert_allclose(got, wanted, rtol=1e-11)
        for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-13)
        assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(expected)) > 1e-5


def test_noise_of_a_batch_is_that_of_its_factors():
    policy, count = RecurrentPolicy(cell=ideomotor.make("rate-cell", 4), noise=0.3), 5
    key = jax.random.key(7)
    activity = jax.random.uniform(jax.random.key(1), (count, 4))
    many = ManyPolicies(policy, trials_last(activity))
    feedback = many.default_feedback()
    command = jax.tree.map(lambda x: x + 0.05 * jnp.arange(count), many.default_params())
    y, u = many.step(many.init(command), feedback, command, 0.01, key=key)
    factors = policy.factors(key, (count,))
    for i in range(count):
        one = jax.tree.map(lambda x: x[..., i], (feedback, command, factors))  # noqa: B023
        wanted = policy.respond(activity[i], one[0], one[1], 0.01, one[2])
        np.testing.assert_allclose(y[:, i], wanted[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(u[:, i], wanted[1], rtol=1e-5, atol=1e-6)
    many_factors = np.asarray(policy.factors(key, (4000,)))
    np.testing.assert_allclose(many_factors.std(1), 0.3, rtol=0.06)
    np.testing.assert_allclose(many_factors.mean(1), 1.0, atol=0.02)
    assert np.abs(np.corrcoef(many_factors) - np.eye(len(many_factors))).max() < 0.08


def test_noise_of_a_plant_differs_from_trial_to_trial():
    task = ReachTask(Noisy(MuscleArm(), 0.3), hold=0.05, duration=0.2)
    policy = RecurrentPolicy(cell=ideomotor.make("rate-cell", 4), noise=0.0)
    trials = task.sample(policy, jax.random.key(0), 1)
    same = jax.tree.map(lambda x: jnp.repeat(x, 4, 0) if jnp.ndim(x) else x, trials)
    costs = np.asarray(task.costs(policy, same, jax.random.key(1)))
    assert len(np.unique(costs)) == 4
    assert len(np.unique(np.asarray(task.costs(policy, same, None)).round(5))) == 1


def test_holding_trials_stay():
    task = ReachTask(MuscleArm(), holding=0.4)
    trials = task.sample(RecurrentPolicy(), jax.random.key(3), 2000)
    stays = np.all(np.asarray(trials.first.target) == np.asarray(trials.second.target), -1)
    assert 0.35 < stays.mean() < 0.45
    with pytest.raises(ValueError, match="share of the trials"):
        ReachTask(MuscleArm(), holding=1.2)
