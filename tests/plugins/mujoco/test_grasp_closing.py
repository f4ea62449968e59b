"""Predicted closing of the fingers: where they would stop, what friction the hold would need, and which start is taken."""

import numpy as np
import pytest

pytest.importorskip("mujoco")

import ideomotor
from ideomotor_mujoco.grasping import GraspObject, Job, PickingScene

# Kernels without a public face: a start's choice rests on them.
from ideomotor_mujoco.grasping._closing import ClosingPredictor, needed_friction  # noqa: E402

JOB = Job("mug", 1, 400, 0, wanted=8)


@pytest.fixture(scope="module")
def scene():
    """A mug, whose handle gets in the way."""
    return PickingScene(
        GraspObject(JOB.family, JOB.instance).settled(seed=JOB.seed), ideomotor.make("three-finger-hand")
    )


@pytest.fixture(scope="module")
def kept():
    """Grasps that held, also a little moved."""
    return JOB.collect()[0]


def test_it_ends_as_the_physics_does(scene):
    """Of what starts clear, closing in simulation touches with the same parts, at the same places."""
    predict = ClosingPredictor(scene.model, scene.hand)
    same, apart, turned = [], [], []
    for wrist, shape in zip(*scene.candidates(1000, seed=2), strict=True):
        clear = scene.clear(wrist, shape)
        assert (predict.depth(wrist, shape) == 0.0) == clear
        if not clear:
            continue
        said, pick = predict(wrist, shape), scene.pick(wrist, shape)
        expected = {"table": said.table, "other part": said.other, "missed": not said.tips.all()}
        same.append(expected.get(pick.reason, said.by_tips))
        if said.by_tips and pick.reason in ("held", "lost tip", "dropped"):
            apart += np.linalg.norm(said.contacts - pick.contacts, axis=1).tolist()
            turned += np.einsum("ti,ti->t", said.normals, pick.normals).tolist()
    assert len(same) > 60 and np.mean(same) > 0.9
    assert np.median(apart) < 1.5e-3 and np.median(turned) > np.cos(np.radians(2.0))


def test_how_contacts_move_as_fingers_close(scene, kept):
    """By a step a hundred times as large: the contact point stays on its tip."""
    predict = ClosingPredictor(scene.model, scene.hand)
    said = predict(kept["wrist"][0], kept["preshape"][0])
    assert said.by_tips
    ids = [scene.model.actuator(name).id for name in scene.hand.closing]
    tips = [scene.model.geom(name).id for name in scene.hand.tips]
    poses = []
    for step in (-1e-3, 1e-3):
        commands = said.commands.copy()
        commands[ids] += step
        scene.place(kept["wrist"][0], commands)
        poses.append((scene.data.geom_xpos[tips].copy(), scene.data.geom_xmat[tips].reshape(-1, 3, 3).copy()))
    (x0, r0), (x1, r1) = poses
    middle = (x0 + x1) / 2
    local = np.einsum("tij,ti->tj", (r0 + r1) / 2, said.contacts - middle)
    moved = (x1 + np.einsum("tij,tj->ti", r1, local)) - (x0 + np.einsum("tij,tj->ti", r0, local))
    np.testing.assert_allclose(said.pushes, moved / 2e-3, atol=1e-3)


def _friction(contacts, normals, forces, weight=0.0, pushes=None):
    """With fingers that push along the inward normals, unless said otherwise, so that a torque is a normal force."""
    contacts, normals = np.asarray(contacts, float), np.asarray(normals, float)
    pushes = -normals if pushes is None else pushes
    torques = np.full((1, len(contacts)), float(forces))
    return needed_friction(contacts, normals, pushes, torques, np.zeros(3), weight)[0]


def test_the_friction_of_two_opposed_fingers_by_hand():
    across = np.array([[0.03, 0, 0], [-0.03, 0, 0]])
    assert _friction(across, across / 0.03, 5.0) < 1e-9
    # Each finger carries half of the weight: mu = W / (2 N).
    np.testing.assert_allclose(_friction(across, across / 0.03, 7.0, 9.81), 9.81 / 14)
    # Nguyen 1988: the line between two contacts must lie in both friction cones.
    for degrees in (5.0, 30.0, 44.0):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        np.testing.assert_allclose(
            _friction(across, [[c, s, 0], [-c, s, 0]], 5.0), np.tan(np.radians(degrees)), rtol=1e-6
        )


def test_the_friction_of_three_fingers_around_a_disc_by_hand():
    angles = np.radians([90.0, 210.0, 330.0])
    out = np.stack([np.cos(angles), np.sin(angles), 0 * angles], 1)
    assert _friction(0.04 * out, out, 5.0) < 1e-9
    np.testing.assert_allclose(_friction(0.04 * out, out, 6.0, 9.81), 9.81 / 18)
    # From below a thing is carried without friction; from above it cannot be pulled.
    up = np.tile([0.0, 0.0, 1.0], (3, 1))
    assert _friction(0.04 * out - 0.01 * up, -up, 9.81 / 3, 9.81) < 1e-9
    assert _friction(0.04 * out + 0.01 * up, up, 1.0, 9.81) == np.inf
    # One finger carries a thing from below its middle.
    assert _friction([[0.0, 0.0, -0.02]], [[0.0, 0.0, -1.0]], 9.81, 9.81) < 1e-9


def test_forces_balance_as_nine_equations_say():
    """Three contacts, three torques: the nine components of force follow from six equations of equilibrium and three of torque."""
    random = np.random.default_rng(3)
    compared = 0
    for _ in range(40):
        contacts = random.normal(size=(3, 3)) * 0.04
        normals = contacts + 0.01 * random.normal(size=(3, 3))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        pushes, torques = -0.1 * normals + 0.02 * random.normal(size=(3, 3)), random.uniform(1.0, 3.0, 3)
        rows, right = np.zeros((9, 9)), np.zeros(9)
        right[2] = 9.81
        for i in range(3):
            at = slice(3 * i, 3 * i + 3)
            rows[:3, at] = np.eye(3)
            rows[3:6, at] = np.cross(contacts[i], np.eye(3)).T / 0.05
            rows[6 + i, at], right[6 + i] = pushes[i], torques[i]
        if np.linalg.cond(rows) > 1e5:
            continue
        force = np.linalg.solve(rows, right).reshape(3, 3)
        into = -np.einsum("ti,ti->t", force, normals)
        across = np.linalg.norm(force + into[:, None] * normals, axis=1)
        expected = np.max(across / into) if (into > 1e-6).all() else np.inf
        found = needed_friction(contacts, normals, pushes, torques[None], np.zeros(3), 9.81)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        compared += np.isfinite(expected)
    assert compared >= 5


def test_a_grasp_that_is_a_little_off_is_carried_out_in_a_way_that_works(scene, kept):
    random = np.random.default_rng(0)
    held = {"collision": 0, "closing": 0}
    count = len(kept["wrist"])
    for wrist, shape in zip(kept["wrist"], kept["preshape"], strict=True):
        off = wrist + np.array([*0.012 * random.normal(size=3), 0, 0, 0, 0])
        touching = scene._chooser._predict(wrist, shape).commands
        for check in held:
            start = scene.choose(off[None], touching[None], np.zeros(1), start_check=check)
            if start is None:
                continue
            if check == "closing" and start.cost < 1.0:
                assert scene.clear(start.wrist, start.shape)
                assert scene._chooser._predict(start.wrist, start.shape).by_tips
                assert np.linalg.norm(start.wrist[:3] - off[:3]) < 0.12
            held[check] += scene.pick(start.wrist, start.shape).held
    assert held["closing"] > held["collision"] and held["closing"] >= 0.8 * count


def test_a_good_start_is_left_as_it_is(scene, kept):
    chooser, left = scene._chooser, 0
    for wrist, shape in zip(kept["wrist"], kept["preshape"], strict=True):
        touching = chooser._predict(wrist, shape).commands
        plain = scene.choose(wrist[None], touching[None], np.zeros(1), start_check="none")
        if plain is None or chooser.cost(chooser._predict(plain.wrist, plain.shape)) >= 1.0:
            continue
        start = scene.choose(wrist[None], touching[None], np.zeros(1))
        np.testing.assert_array_equal(start.wrist, plain.wrist)
        np.testing.assert_array_equal(start.shape, plain.shape)
        left += 1
    assert left >= 2, left


def test_a_gripper_with_two_fingers_is_predicted_too():
    scene = PickingScene(GraspObject("milk carton").settled(), ideomotor.make("parallel-jaw"))
    made = [
        (scene._chooser.cost(said), scene.pick(wrist, shape).held)
        for wrist, shape in zip(*scene.candidates(300, seed=1), strict=True)
        if scene.clear(wrist, shape) and (said := scene._chooser._predict(wrist, shape)).by_tips
    ]
    cheap, dear = [held for worth, held in made if worth < 1.5], [held for worth, held in made if worth > 2.3]
    assert len(cheap) >= 8 and len(dear) >= 8
    assert np.mean(cheap) > 0.9 and np.mean(dear) < 0.2


def test_it_leaves_the_scene_as_it_was(scene):
    """Other parts are noticed from some millimetres away, in the predictr's own copy of the model alone."""
    assert np.all(scene.model.geom_margin == 0.0)
    assert np.any(ClosingPredictor(scene.model, scene.hand).model.geom_margin > 0.0)
    with pytest.raises(ValueError, match="start_check must be one of none, collision, closing, not 'much'"):
        scene.choose(np.zeros((1, 7)), np.zeros((1, 4)), np.zeros(1), start_check="much")


def test_what_happened_before_does_not_change_the_choice(scene, kept):
    wrist, shape = kept["wrist"][1], kept["preshape"][1]
    touching = scene._chooser._predict(wrist, shape).commands
    chosen = []
    for before in range(2):
        if before:
            scene.pick(wrist, shape)  # lifts the thing
        chosen.append(scene.choose(wrist[None], touching[None], np.zeros(1)))
    assert chosen[0].cost == chosen[1].cost
    np.testing.assert_array_equal(chosen[0].wrist, chosen[1].wrist)
