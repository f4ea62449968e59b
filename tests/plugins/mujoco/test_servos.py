"""Any actuator that MJCF knows, held to what the same set points sent plainly give."""

import numpy as np
import pytest

import ideomotor
from ideomotor.errors import DataError
from ideomotor_mujoco import MujocoPlant, lwr4

MODEL = """<mujoco><compiler autolimits="true" angle="radian"/><option timestep="0.002" integrator="{integrator}"/>
<worldbody><body pos="0 0 1" {body}><joint name="j" axis="0 1 0" {joint}/>
<geom type="capsule" fromto="0 0 0 0.4 0 0" size="0.03" mass="1"/></body>
<body pos="0 1 1"><joint name="follower" axis="0 1 0" damping="1" armature="0.1"/><geom size="0.02" mass="0.01"/></body>
</worldbody>{extra}<actuator>{actuators}</actuator></mujoco>"""
DAMPED = 'damping="1" armature="0.1"'
SERVO = '<position name="p" joint="j" kp="100" kv="10"/>'
MOTOR = '<motor name="m" joint="j"/>'


def model(actuators, joint=DAMPED, body="", extra="", integrator="implicitfast"):
    return MODEL.format(actuators=actuators, joint=joint, body=body, extra=extra, integrator=integrator)


def rest(plant, goal, commands):
    """Largest error and swing of the first joint between 2 and 3.2 s, after a ramp of half a second to the goal."""
    x, errors = plant.default_state(), []
    for k in range(160):
        x = plant.step(x, commands(goal * min(1.0, k / 25)), 0.02)
        errors.append(float(plant.observe(x)["joint_position"][0]) - goal)
    late = np.array(errors[100:])
    return np.abs(late).max(), np.ptp(late)


def plain_servo(at):
    return at


# Actuators and joints; the plain controls of a set point (None: actuators that hold no set point by themselves); the rest.
VARIANTS = {
    "position kv": (SERVO, {}, plain_servo),
    "position without kv, damped joint": (
        '<position joint="j" kp="100"/>',
        {"joint": 'damping="5" armature="0.1"'},
        plain_servo,
    ),
    "ALOHA: weak, without kv": (
        '<position joint="j" kp="43"/>',
        {"joint": 'damping="5" armature="0.1" frictionloss="0.1"'},
        plain_servo,
    ),
    "position, hardly damped": (
        '<position joint="j" kp="200"/>',
        {"joint": 'damping="0.05" armature="0.01"'},
        plain_servo,
    ),
    "dampratio": ('<position joint="j" kp="100" dampratio="1"/>', {}, plain_servo),
    "overdamped": ('<position joint="j" kp="100" kv="60"/>', {}, plain_servo),
    "timeconst": ('<position joint="j" kp="100" kv="10" timeconst="0.05"/>', {}, plain_servo),
    "slow timeconst": ('<position joint="j" kp="100" kv="10" timeconst="0.2"/>', {}, plain_servo),
    "filter, not exact": (
        '<general joint="j" dyntype="filter" dynprm="0.04" biastype="affine" gainprm="100" biasprm="0 -100 -10"/>',
        {},
        plain_servo,
    ),
    "integrated velocity": ('<intvelocity joint="j" kp="100" kv="10" actrange="-3 3"/>', {}, None),
    "gain of 0 to 255": (
        '<general joint="j" biastype="affine" gainprm="0.5" biasprm="-60 -100 -10" ctrlrange="0 255"/>',
        {},
        lambda at: 120 + 200 * at,
    ),
    "bias that is not the gain": (
        '<general joint="j" biastype="affine" gainprm="80" biasprm="0 -100 -10"/>',
        {},
        lambda at: 1.25 * at,
    ),
    "gain of the other sign": (
        '<general joint="j" biastype="affine" gainprm="-50" biasprm="0 -100 -10"/>',
        {},
        lambda at: -2 * at,
    ),
    "gear 3": ('<position joint="j" kp="20" kv="2" gear="3"/>', {}, lambda at: 3 * at),
    "gear -2": ('<position joint="j" kp="100" kv="10" gear="-2"/>', {}, lambda at: -2 * at),
    "gear 0.1": ('<position joint="j" kp="10000" kv="1000" gear="0.1"/>', {}, lambda at: 0.1 * at),
    "position, then motor": (SERVO + MOTOR, {}, plain_servo),
    "motor, then position": (MOTOR + SERVO, {"first": 1}, plain_servo),
    "position and velocity servo": (
        '<position joint="j" kp="100"/><velocity joint="j" kv="8"/>',
        {},
        plain_servo,
    ),
    "two positions": (SERVO + '<position joint="j" kp="50" kv="2"/>', {"first": slice(0, 2)}, plain_servo),
    "position and damper": (SERVO + '<damper joint="j" kv="10" ctrlrange="0 1"/>', {}, plain_servo),
    "position and muscle at rest": (
        SERVO + '<muscle joint="j" force="100" lengthrange="-1 1"/>',
        {},
        plain_servo,
    ),
    "gravcomp": (SERVO, {"body": 'gravcomp="1"'}, plain_servo),
    "actuatorgravcomp": (
        SERVO,
        {"body": 'gravcomp="1"', "joint": DAMPED + ' actuatorgravcomp="true"'},
        plain_servo,
    ),
    "half gravcomp by actuators": (
        SERVO,
        {"body": 'gravcomp="0.5"', "joint": DAMPED + ' actuatorgravcomp="true"'},
        plain_servo,
    ),
    "motor, actuatorgravcomp": (
        MOTOR,
        {"body": 'gravcomp="1"', "joint": DAMPED + ' actuatorgravcomp="true"'},
        None,
    ),
    "forcerange": ('<position joint="j" kp="100" kv="10" forcerange="-6 6"/>', {}, plain_servo),
    "forcerange too small": ('<position joint="j" kp="100" kv="10" forcerange="-1 1"/>', {}, plain_servo),
    "light joint, small forcerange": (
        '<position joint="j" kp="800" kv="80" forcerange="-20 20"/>',
        {"joint": 'damping="2"', "body": 'gravcomp="1"'},
        plain_servo,
    ),
    "ctrlrange": ('<position joint="j" kp="100" kv="10" ctrlrange="-0.5 0.5"/>', {}, plain_servo),
    "ctrlrange too small": ('<position joint="j" kp="100" kv="10" ctrlrange="-0.2 0.2"/>', {}, plain_servo),
    "actuatorfrcrange": (SERVO, {"joint": DAMPED + ' actuatorfrcrange="-5 5"'}, plain_servo),
    "actuatorfrcrange too small": (SERVO, {"joint": DAMPED + ' actuatorfrcrange="-1 1"'}, plain_servo),
    "stiffness": (SERVO, {"joint": DAMPED + ' stiffness="20"'}, plain_servo),
    "stiffness, springref": (SERVO, {"joint": DAMPED + ' stiffness="20" springref="1"'}, plain_servo),
    "frictionloss": (SERVO, {"joint": DAMPED + ' frictionloss="2"'}, plain_servo),
    "limit of the joint": (SERVO, {"joint": DAMPED + ' range="-0.3 0.3"'}, plain_servo),
    "Euler": (SERVO, {"integrator": "Euler"}, plain_servo),
    "RK4": (SERVO, {"integrator": "RK4"}, plain_servo),
    "tendon": (
        '<position tendon="t" kp="100" kv="10"/>',
        {"extra": '<tendon><fixed name="t"><joint joint="j" coef="0.5"/></fixed></tendon>'},
        lambda at: 0.5 * at,
    ),
    "tendon with a coupled joint": (
        '<position tendon="t" kp="100" kv="10"/>',
        {
            "extra": '<tendon><fixed name="t"><joint joint="j" coef="0.5"/><joint joint="follower" coef="0.5"/></fixed></tendon>'
            '<equality><joint joint1="follower" joint2="j"/></equality>'
        },
        plain_servo,
    ),
    "velocity servo": ('<velocity joint="j" kv="20"/>', {}, None),
    "motor": (MOTOR, {}, None),
    "motor with a filter": ('<general joint="j" dyntype="filterexact" dynprm="0.02"/>', {}, None),
    "motor, gear 50": ('<motor joint="j" gear="50" ctrlrange="-1 1"/>', {}, None),
    "motor, gear -1": ('<motor joint="j" gear="-1"/>', {}, None),
    "motor and velocity servo": (MOTOR + '<velocity joint="j" kv="5"/>', {}, None),
    "motor, frictionloss": (MOTOR, {"joint": DAMPED + ' frictionloss="2"'}, None),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_joint_position_is_at_least_as_good_as_plain_set_points(name):
    actuators, options, control = VARIANTS[name]
    options = dict(options)
    first = options.pop("first", 0)
    xml = model(actuators, **options)
    plant = MujocoPlant(xml, mode=ideomotor.make("joint-position"), joints=("j",))
    off, swing = rest(plant, 0.4, lambda at: np.array([at]))
    plain_off = plain_swing = 0.0  # an actuator that holds no set point by itself
    if control is not None:
        plain = MujocoPlant(xml, joints=("j",))

        def commands(at):
            u = plain.default_command()
            u[first] = control(at)
            return u

        plain_off, plain_swing = rest(plain, 0.4, commands)
    assert off <= plain_off + 1e-3
    assert swing <= plain_swing + 1e-3


def test_gravity_does_not_let_a_servo_sag():
    """Plain set points are off by the torque of gravity over the stiffness; those moved ahead are not."""
    plant = MujocoPlant(model(SERVO), mode=ideomotor.make("joint-position"), joints=("j",))
    plain = MujocoPlant(model(SERVO), joints=("j",))
    sag = rest(plain, 0.0, lambda at: np.zeros(1))[0]
    assert sag == pytest.approx(9.81 * 0.2 * np.cos(sag) / 100, rel=1e-3)
    assert rest(plant, 0.0, lambda at: np.zeros(1))[0] < 1e-5


@pytest.mark.parametrize("kind", ["position", "general"])
def test_motors_take_nothing_from_the_default_class(kind):
    """An arm of a kilogram at 0.2 m and its rotor fall under a torque as they must."""
    servo = (
        'kp="500" kv="50"'
        if kind == "position"
        else 'gainprm="500" biastype="affine" biasprm="0 -500 -50" gear="7"'
    )
    text = model("").replace(
        "<worldbody>",
        f'<default><{kind} {servo} ctrlrange="-6 6" forcerange="-9 9"/></default><worldbody>',
        1,
    )
    plant = MujocoPlant(
        text, actuators="motors", mode=ideomotor.make("joint-torque", compensate=False), joints=("j",)
    )
    assert plant.mj_model.nu == 2
    x = plant.step(plant.default_state(), np.array([20.0]), 0.002)
    body = plant.mj_model.body(1)
    inertia = float(body.inertia[1] + body.mass[0] * body.ipos[0] ** 2) + 0.1
    expected = 0.002 * (20.0 + 9.81 * 0.2 * body.mass[0]) / (inertia + 0.002 * 1.0)
    assert plant.observe(x)["joint_velocity"][0] == pytest.approx(expected, rel=1e-6)
    assert (
        rest(
            MujocoPlant(text, actuators="motors", mode=ideomotor.make("joint-position"), joints=("j",)),
            0.4,
            lambda at: np.array([at]),
        )[0]
        < 1e-3
    )


@pytest.mark.parametrize("speed", [1.1, 1.6])
def test_all_joints_may_move_each_below_its_limit(speed):
    plant = lwr4(mode=ideomotor.make("joint-position", max_speed=3.0))
    x, start = plant.default_state(), plant.default_command()
    signs = np.array([1, 1, -1, -1, 1, 1, -1])
    for k in range(60):
        at = start + signs * speed * max(0.0, 0.01 * k - 0.1)
        x = plant.step(x, at, 0.01)
    seen = plant.observe(x)["joint_position"]
    np.testing.assert_allclose(seen, at + signs * 0.01 * speed, atol=2e-3)


def test_a_servo_at_its_limit_is_reported_once(caplog):
    weak = '<position joint="j" kp="100" kv="10" forcerange="-1 1"/>'
    plant = MujocoPlant(model(weak), mode=ideomotor.make("joint-position"), joints=("j",))
    for _ in range(2):
        rest(plant, 0.0, lambda at: np.zeros(1))
    assert [r.name for r in caplog.records] == ["ideomotor.mujoco"]
    assert "joint 'j' has been at its limit for 1 s, and the joint is 0." in caplog.text
    caplog.clear()
    rest(
        MujocoPlant(model(SERVO), mode=ideomotor.make("joint-position"), joints=("j",)),
        0.0,
        lambda at: np.zeros(1),
    )
    assert not caplog.records


GRIPPER = """<mujoco><worldbody>
<body><joint name="l" type="slide" axis="1 0 0" range="0 0.04" damping="5"/><geom size="0.01" mass="0.05"/></body>
<body pos="0.1 0 0"><joint name="r" type="slide" axis="-1 0 0" range="0 0.04" damping="5"/><geom size="0.01" mass="0.05"/></body>
</worldbody><tendon><fixed name="split"><joint joint="l" coef="0.5"/><joint joint="r" coef="0.5"/></fixed></tendon>
<equality><joint joint1="l" joint2="r"/></equality><actuator><general tendon="split" biastype="affine" gainprm="0.0157"
biasprm="0 -100 -10" ctrlrange="0 255" forcerange="-100 100"/></actuator></mujoco>"""


@pytest.mark.parametrize("joint", ["l", "r"])
def test_fingers_on_a_tendon_are_moved_by_the_name_of_one(joint):
    with pytest.raises(
        DataError, match=r"one actuator .* moves several of l, r; name one of those that move together"
    ):
        MujocoPlant(GRIPPER, mode=ideomotor.make("joint-position"), joints=("l", "r"))
    plant = MujocoPlant(GRIPPER, mode=ideomotor.make("joint-position"), joints=(joint,))
    x = plant.default_state()
    for _ in range(80):
        x = plant.step(x, np.array([0.03]), 0.02)
    np.testing.assert_allclose(plant.data(x).qpos, 0.03, atol=1e-4)


def test_joints_without_an_actuator_are_named_and_the_advice_works():
    with pytest.raises(
        DataError, match=r"none on 'follower'; name other joints \(joints=…\), or pass actuators='motors'"
    ):
        MujocoPlant(model(SERVO), mode=ideomotor.make("joint-position"), joints=("j", "follower"))
    MujocoPlant(model(SERVO), mode=ideomotor.make("joint-position"), joints=("j",))
    MujocoPlant(
        model(SERVO), mode=ideomotor.make("joint-position"), joints=("j", "follower"), actuators="motors"
    )
    with pytest.raises(DataError, match="has a plain motor"):
        MujocoPlant(model(SERVO + MOTOR), mode=ideomotor.make("joint-torque"), joints=("j",))
