"""A thing picked up through the ordinary pipeline: perception, planner, primitive, plant; and each of them alone."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import ideomotor
from ideomotor import Pipeline, Trajectory, host
from ideomotor.errors import AssemblyError, DataError

pytest.importorskip("mujoco")

from ideomotor_mujoco import MujocoPlant  # noqa: E402
from ideomotor_mujoco.grasping import Camera, GraspObject, PickingTask, Settings, to_frame

# Parts that are made by name; their classes are taken here for their methods beyond the interfaces.
from ideomotor_mujoco.grasping._perception import GraspPerception, OutlineGrasp  # noqa: E402
from ideomotor_mujoco.grasping._planner import GraspPlanner, ReachPlanner  # noqa: E402
from ideomotor_mujoco.grasping._task import PalmAndFingers, picking_scene  # noqa: E402

TS = np.linspace(0.0, 5.2, 521)


class Replayed:
    """A primitive that imitates by remembering: the plan at equal times, held after its end."""

    def __init__(self, dof: int, count: int = 241, duration: float = 4.8):
        self.dof, self.count, self.duration = dof, count, duration

    def default_params(self):
        return np.zeros((self.count, self.dof))

    def fit(self, trajectory):
        ts = np.linspace(0, self.duration, self.count)
        return np.stack([np.interp(ts, trajectory.ts, column) for column in np.asarray(trajectory.ys).T], 1)

    def trajectory(self, params, ts):
        known = np.linspace(0, self.duration, self.count)
        return np.stack([np.interp(ts, known, column) for column in np.asarray(params).T], 1)


@pytest.fixture(scope="module")
def task():
    """The three-finger hand and a can."""
    return PickingTask(GraspObject("tin can").settled())


@pytest.fixture(scope="module")
def plant(task):
    """Both as a plant."""
    return picking_scene(task)


def through(task, perception, planner):
    """A pipeline whose primitive repeats the plan."""
    plant = ideomotor.make("picking-scene", task=task)
    dof = len(plant.default_command())
    return Pipeline(perception, host(Replayed(dof)), plant=plant, planner=planner)


@pytest.fixture(scope="module")
def picked(task):
    """The can, picked up from above, its side between the fingers."""
    pipeline = through(task, None, ideomotor.make("reach-planner", task=task))
    goal = {
        "wrist": np.array([0, -0.0443, 0.2317, 0, 0, -1, 0.0]),
        "shape": np.array([2.55, 0.97, 0.97, 0.37]),
    }
    return pipeline, (np.array(task.home), goal), pipeline((np.array(task.home), goal), TS)


def test_the_can_is_lifted_and_held_by_its_tips_alone(task, picked):
    movement = picked[2]
    found = task.judge(movement)
    assert found.reason == "held" and found.off < 0.1
    assert abs(found.lifted - 0.3) < 0.01
    assert 3.0 < found.let_go < 3.2  # just before the third phase
    # The hand is where it was told to be: the weld that carries it gives way by millimetres.
    apart = np.linalg.norm(movement.ys["tip"][1:] - movement.us[:-1, :3], axis=1)
    assert apart.max() < 0.02 and apart[-1] < 2e-3


def test_the_same_movement_again_is_bit_equal(picked):
    pipeline, query, movement = picked
    again = pipeline(query, TS)
    np.testing.assert_array_equal(again.xs, movement.xs)


def test_a_pipeline_is_written_as_yaml_and_comes_back(task, tmp_path):
    made = {
        "perception": {"use": "grasp-perception", "samples": 3},
        "planner": {"use": "grasp-planner", "samples": 3, "task": ideomotor.config.to_config(task)},
        "primitive": {"use": "dmp", "dof": 12, "basis": 8},
        "plant": {"use": "picking-scene", "task": ideomotor.config.to_config(task)},
    }
    pipeline = Pipeline.from_config(made)
    again = Pipeline.from_config(pipeline.to_config())
    assert again.planner.task.thing == task.thing
    assert again.planner.task.hand == task.hand
    np.testing.assert_array_equal(again.plant.default_state(), pipeline.plant.default_state())
    with pytest.raises(AssemblyError, match=r"contacts.*\(3, 3, 3\).*\(2, 3, 3\)"):
        Pipeline.from_config(made | {"planner": made["planner"] | {"samples": 2}})


def test_the_clamp_holds_the_object_until_it_is_let_go_and_then_for_ever(task, plant):
    state, command = plant.default_state(), plant.default_command()
    assert command[-1] == 1.0 and np.allclose(command[:7], task.home)
    still = plant.mj_model.eq("still").id
    for clamp, active in ((1.0, 1), (0.6, 1), (0.4, 0), (1.0, 0)):
        command[-1] = clamp
        state = plant.step(state, command, 0.02)
        assert plant.data(state).eq_active[still] == active
    free = PickingTask(task.thing, task.hand, Settings(held_while_closing=False))
    assert picking_scene(free).default_command()[-1] == 0.0


def test_the_palm_follows_its_commands_and_fingers_press_with_their_force_only(task, plant):
    state, command = plant.default_state(), plant.default_command()
    turned = Rotation.from_euler("xyz", [170, 10, 20], degrees=True).as_quat(scalar_first=True)
    command[:7] = [0.1, -0.05, 0.55, *(3.0 * turned)]
    command[8:11] = 2.4  # closed
    for _ in range(40):
        state = plant.step(state, command, 0.02)
        data = plant.data(state)
        joints = data.qpos[[plant.mj_model.joint(f"proximal {i}").qposadr[0] for i in (1, 2, 3)]]
        assert np.all(
            data.ctrl[1:4] <= joints + task.scene.lead + 0.08
        )  # as fast as they move in one command
    seen = plant.observe(state)
    np.testing.assert_allclose(seen["tip"], command[:3], atol=2e-3)
    assert abs(seen["tip_quaternion"] @ turned) > 0.9999
    assert np.all(joints > 2.0) and not seen["touching"]["table"]
    assert not seen["touching"]["tips"].any() and not seen["touching"]["other"]


def test_the_feedback_says_who_touches_whom(task, plant):
    state = plant.default_state()
    data = plant.data(state)
    data.joint("wrist").qpos[2], data.joint("object").qpos[:3] = 0.1, [0.5, 0.0, 0.0]
    on_table = plant.observe(plant.state(data))["touching"]
    assert on_table["table"] == 1 and not on_table["tips"].any() and on_table["other"] == 0
    data = plant.data(state)
    data.joint("wrist").qpos[2] = 0.15
    on_can = plant.observe(plant.state(data))["touching"]
    assert on_can["other"] == 1


def test_a_plan_reaches_along_the_palm_then_closes_then_lifts(task):
    planner = ReachPlanner(task, duration=1.0)
    turned = Rotation.from_euler("xyz", [135, 0, 40], degrees=True)
    end = np.array(
        [*(np.array([0, 0, 0.06]) - 0.3 * turned.as_matrix()[:, 2]), *turned.as_quat(scalar_first=True)]
    )
    shape = np.array([0.4, 0.2, 0.2, 0.2])
    plan = planner(np.array(task.home), {"wrist": end, "shape": shape})
    ts, palm, hand = plan.ts, plan.ys[:, :7], plan.ys[:, 7:11]
    at = {t: int(np.argmin(np.abs(ts - t))) for t in (0.0, 1.0, 2.0, 3.0)}
    np.testing.assert_allclose(palm[0], task.home, atol=1e-12)
    np.testing.assert_allclose(palm[at[1.0], :3], end[:3], atol=1e-12)
    assert abs(palm[at[1.0], 3:] @ end[3:]) > 1 - 1e-12
    np.testing.assert_allclose(palm[-1, :3], end[:3] + [0, 0, 0.3], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(palm[:, 3:], axis=1), 1.0, atol=1e-12)
    assert np.all(np.sum(palm[1:, 3:] * palm[:-1, 3:], 1) > 0.9)  # no jump to the other sign
    np.testing.assert_allclose(hand[: at[1.0] + 1] - shape, 0.0, atol=1e-12)
    np.testing.assert_allclose(hand[at[2.0]], [0.4, 2.44, 2.44, 2.44], atol=1e-12)
    np.testing.assert_allclose(
        palm[at[1.0] : at[2.0]], palm[at[1.0]][None].repeat(at[2.0] - at[1.0], 0), atol=1e-12
    )
    # The last centimetres run along the palm's axis, and every phase begins and ends at rest.
    last = palm[at[1.0] - 5, :3] - palm[at[1.0] - 8, :3]
    assert last @ turned.as_matrix()[:, 2] / np.linalg.norm(last) > 0.99
    speed = np.abs(np.diff(plan.ys[:, :11], axis=0)).max(1) * planner.rate
    assert speed[[0, at[1.0] - 1, at[1.0], at[2.0], -1]].max() < 0.03 < speed.max()
    assert plan.ys[at[2.0] - 8, 11] > 0.95 and plan.ys[at[2.0], 11] == 0.0


def test_what_is_in_the_way_is_seen_before_it_is_hit(task):
    planner = ReachPlanner(task)
    query = planner.default_query()
    below = query[1]["wrist"] - [0, 0, 0.45, 0, 0, 0, 0]  # through the can
    with pytest.raises(DataError, match=r"in the way of the palm from \(0\.00, 0\.00, 0\.60\) m to"):
        planner(query[0], {**query[1], "wrist": below})


def test_of_several_grasps_the_first_that_can_be_reached_is_taken(task):
    """The contacts of a pick that held, after contacts below the table."""
    scene, planner = task.scene, GraspPlanner(task, samples=3)
    start, goal = planner.default_query()
    assert goal["contacts"].shape == goal["normals"].shape == (3, 3, 3)
    tried = (scene.pick(*each) for each in zip(*scene.candidates(150, seed=0), strict=True))
    for pick in (pick for pick in tried if pick.held):
        approach = scene.forward(pick.wrist)
        contacts = np.stack([pick.contacts - [0, 0, 1.0], pick.contacts, pick.contacts])
        goal = {"contacts": contacts, "normals": np.stack([pick.normals] * 3), "approach": approach}
        try:
            chosen = planner.choose(start, goal)
            break
        except DataError:  # not every grasp that holds is free to be reached from home
            continue
    assert chosen.grasp == 1 and chosen.start.cost < 1
    assert scene.pick(chosen.start.wrist, chosen.start.shape).held
    plan = planner(start, goal)
    np.testing.assert_allclose(plan.ys[80, :3], chosen.start.wrist[:3], atol=1e-9)  # at 1.6 s
    goal["contacts"] = np.stack([pick.contacts - [0, 0, 1.0]] * 3)
    with pytest.raises(DataError, match=r"None of 3 grasps can be reached: of 3 the tips do not reach"):
        planner.choose(start, goal)


def test_a_gripper_with_two_fingers_goes_through_the_same_pipeline():
    task = PickingTask(GraspObject("milk carton").settled(), ideomotor.make("parallel-jaw"))
    planner = ideomotor.make("reach-planner", task=task)
    home = np.array(task.home)
    for wrist, shape in zip(*task.scene.candidates(200, seed=1), strict=True):
        if task.scene.pick(wrist, shape).held and planner.free(home, wrist, shape):
            break
    movement = through(task, None, planner)((home, {"wrist": wrist, "shape": shape}), TS)
    assert movement.ys["touching"]["tips"].shape == (521, 2)
    assert task.judge(movement).reason == "held"


def _movement(tips, other=0.0, table=0.0, rises=0.3):
    """A movement of 3 s that lets go after 2 s; `tips` touch from 1 s on, until the given times."""
    ts = np.linspace(0, 3, 301)
    seen = {
        "tips": np.stack([(ts > 1) & (ts <= until) for until in tips], 1).astype(float),
        "other": np.full(301, other),
        "table": np.full(301, table),
    }
    pose = np.zeros((301, 7))
    pose[:, 2] = rises * np.clip(ts - 2, 0, 1)
    us = np.zeros((301, 12))
    us[:, -1] = ts < 2
    return Trajectory(ts, {"touching": seen, "body": {"object": pose}}, us)


@pytest.mark.parametrize(
    ("movement", "reason"),
    [
        (_movement((9, 9, 9)), "held"),
        (_movement((9, 9, 0)), "missed"),
        (_movement((9, 9, 2.5)), "lost tip"),
        (_movement((9, 9, 2.95)), "held"),  # chatters
        (_movement((9, 9, 9), other=1.0), "other part"),
        (_movement((9, 9, 9), table=1.0), "table"),
        (_movement((9, 9, 9), rises=0.1), "dropped"),
    ],
)
def test_every_failure_has_its_reason(movement, reason):
    assert PickingTask().judge(movement).reason == reason


def test_a_grasp_comes_back_from_the_objects_frame_into_the_world():
    thing = GraspObject("beer bottle").settled()
    view = Camera().photograph(thing, np.array([0.8, 0.3, -0.4]))
    contacts, normals = np.random.default_rng(0).normal(scale=0.03, size=(2, 3, 3))

    class Knows:
        """A network that says the truth about this picture."""

        def default_observation(self):
            return np.zeros((16, 16, 5))

        def __call__(self, image, *, key=None):
            assert image.shape == (16, 16, 5)
            return to_frame(perception.camera.object_frame(view, "camera"), contacts, normals)

    perception = GraspPerception(Knows(), axes="camera")
    wrist = np.array([0.1, 0.2, 0.6, 0, 1, 0, 0])
    start, goal = perception({"image": view.observation, "camera": view.pose, "wrist": wrist})
    np.testing.assert_array_equal(start, wrist)
    np.testing.assert_allclose(goal["contacts"], contacts[None], atol=1e-9)
    np.testing.assert_allclose(goal["normals"], normals[None], atol=1e-9)
    np.testing.assert_allclose(goal["approach"], np.array([0.8, 0.3, -0.4]) / np.sqrt(0.89), atol=1e-9)


def test_the_outline_of_a_ball_is_gripped_at_its_radius():
    network = OutlineGrasp()
    ball = network.default_observation()  # 3.5 cm of radius, 0.3 m away
    for key in (None, 3):
        found = network(ball, key=key)
        # Within a pixel of 3.9 mm, to which the frame's origin is rounded.
        np.testing.assert_allclose(np.linalg.norm(found["contacts"][:, 1:], axis=1), 0.031, atol=0.0045)
        np.testing.assert_allclose(np.linalg.norm(found["normals"], axis=1), 1.0)
        assert (
            found["normals"][0] @ found["normals"][2] < -0.7
            and found["normals"][1] @ found["normals"][2] < -0.7
        )
    assert OutlineGrasp(tips=2)(ball)["contacts"].shape == (2, 3)


class Guesses(ideomotor.AbstractPerception):
    """A network written in JAX: noise about a mean."""

    mean: jax.Array

    def default_observation(self):
        return np.zeros((16, 16, 5))

    def __call__(self, observation, *, key=None):
        contacts = self.mean + (0 if key is None else jax.random.normal(key, (3, 3)))
        return {"contacts": contacts, "normals": contacts}


def test_a_network_gives_samples_that_its_key_decides():
    perception = ideomotor.make("grasp-perception", network=Guesses(jax.numpy.zeros((3, 3))), samples=2)
    seen = perception.default_observation()
    one, again, other = (perception(seen, key=jax.random.key(k))[1] for k in (1, 1, 2))
    assert one["contacts"].shape == (2, 3, 3)
    np.testing.assert_array_equal(one["contacts"], again["contacts"])
    assert not np.allclose(one["contacts"][0], one["contacts"][1]) and not np.allclose(
        one["contacts"], other["contacts"]
    )


def test_bad_input_is_refused_in_one_sentence(task, plant):
    seen = GraspPerception().default_observation()
    empty = {**seen, "image": seen["image"] * [1, 1, 1, 1, 0]}
    with pytest.raises(DataError, match="no object in the picture"):
        GraspPerception()(empty)
    with pytest.raises(DataError, match="2 grasps are drawn at random, which requires a key"):
        GraspPerception(samples=2)(seen)
    with pytest.raises(DataError, match="64 x 60 pixels cannot be shrunk"):
        GraspPerception()({**seen, "image": seen["image"][:, :60]})
    with pytest.raises(DataError, match="no layer 'gren'. Did you mean 'green'"):
        GraspPerception(layers=("gren",))
    with pytest.raises(DataError, match="The network expects 5 layers, but 2 are given"):
        GraspPerception(layers=("depth", "mask"))(seen)
    command = plant.default_command()
    command[3:7] = 0.0
    with pytest.raises(DataError, match="turn by a quaternion"):
        plant.step(plant.default_state(), command, 0.02)
    with pytest.raises(DataError, match="commands a picking task, which the example is not"):
        MujocoPlant(mode=PalmAndFingers())
    with pytest.raises(ValueError, match="duration must be positive, not 0"):
        ReachPlanner(task, duration=0)
    with pytest.raises(DataError, match="the palm 'distal 1' must be the root of the model"):
        dataclasses.replace(task.hand, palm="distal 1")
    with pytest.raises(DataError, match="names no finger tips"):
        dataclasses.replace(task.hand, tips=())
