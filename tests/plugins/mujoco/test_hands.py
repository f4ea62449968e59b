# ruff: noqa: E501 (models are easier to read in long lines)
"""Hands as people have them: one actuator for several fingers, several for one, linkages, any range, closing up or down."""

import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from ideomotor.errors import DataError

mujoco = pytest.importorskip("mujoco")

from ideomotor.config import from_config  # noqa: E402
from ideomotor_mujoco.grasping import GraspObject, Hand, PickingScene  # noqa: E402
from ideomotor_mujoco.grasping._chain import TipKinematics  # noqa: E402  (what a placement rests on)

SLIDES = """<mujoco><worldbody><body name="palm">
<geom type="box" pos="0 0 0.04" size="0.095 0.025 0.036" mass="0.6"/><site name="grasp" pos="0 0 0.08"/>
<geom type="box" size="0.5 0.5 0.5" contype="0" conaffinity="0" mass="0"/>
<body name="left" pos="{out} 0 0.08"><joint name="l" type="slide" axis="1 0 0" range="{range}" damping="5"/>
<geom name="tip l" type="box" pos="0 0 0.045" size="0.01 0.014 0.045" mass="0.08"/></body>
<body name="right" pos="{across} 0 0.08"><joint name="r" type="slide" axis="-1 0 0" range="{range}" damping="5"/>
<geom name="tip r" type="box" pos="0 0 0.045" size="0.01 0.014 0.045" mass="0.08"/></body>
</body></worldbody>{tail}</mujoco>"""
SERVO = 'kp="2000" kv="40" forcerange="-25 25" ctrlrange="0 0.07"'
SPLIT = '<tendon><fixed name="t"><joint joint="l" coef=".5"/><joint joint="r" coef=".5"/></fixed></tendon>'
CLOSING_UP = {"out": -0.08, "across": 0.08, "range": "0 0.07"}
# Closed at 0 as Panda's: its fingers' joints open away from the middle.
CLOSING_DOWN = {"out": -0.01, "across": 0.01, "range": "-0.05 0"}
TAILS = {
    "equality, leader second": f'<equality><joint joint1="r" joint2="l"/></equality><actuator><position name="f" joint="l" {SERVO}/></actuator>',
    "equality, leader first": f'<equality><joint joint1="l" joint2="r"/></equality><actuator><position name="f" joint="l" {SERVO}/></actuator>',
    "tendon": f'{SPLIT}<equality><joint joint1="l" joint2="r"/></equality><actuator><position name="f" tendon="t" {SERVO}/></actuator>',
    "no range": '<equality><joint joint1="r" joint2="l"/></equality><actuator><position name="f" joint="l" kp="2000" kv="40" '
    'forcerange="-25 25"/></actuator>',
    "gear": '<equality><joint joint1="r" joint2="l"/></equality><actuator><position name="f" joint="l" kp="20" kv="0.4" gear="10" '
    'forcerange="-2.5 2.5" ctrlrange="0 0.7"/></actuator>',
}
OPENINGS = {"gear": (0.69, 1.5)}


def slides(name):
    closed, speed = OPENINGS.get(name, (0.069, 0.15))
    xml = SLIDES.format(**CLOSING_UP, tail=TAILS[name])
    return Hand(xml, "palm", "grasp", ("tip l", "tip r"), ("f",), (closed,), ((0.0,),), speed)


def panda():
    """0 to 255 on a tendon, closed at 0, as in MuJoCo Menagerie; tips named by their bodies."""
    tail = (
        SPLIT
        + '<equality><joint joint1="l" joint2="r" solimp="0.95 0.99 0.001" solref="0.005 1"/></equality><actuator><general name="f" '
        'tendon="t" biastype="affine" gainprm="-0.392157" biasprm="0 -2000 -40" forcerange="-50 50" ctrlrange="0 255"/></actuator>'
    )
    xml = SLIDES.format(**CLOSING_DOWN, tail=tail)
    return Hand(xml, "palm", "grasp", ("left", "right"), ("f",), (0.0,), ((255.0,),), 700.0)


LINKAGE = """<mujoco><worldbody><body name="palm"><site name="grasp" pos="0 0 0.06"/>
<geom type="box" pos="0 0 0.03" size="0.05 0.025 0.028" mass="0.6"/>{left}{right}</body></worldbody>
<contact><exclude body1="coupler l" body2="pad l"/><exclude body1="coupler r" body2="pad r"/></contact>
<equality><connect body1="coupler l" body2="pad l" anchor="0 0 0.06"/><connect body1="coupler r" body2="pad r" anchor="0 0 0.06"/>
<joint joint1="driver r" joint2="driver l"/></equality>
<tendon><fixed name="t"><joint joint="driver l" coef="0.5"/><joint joint="driver r" coef="0.5"/></fixed></tendon>
<actuator><general name="f" tendon="t" biastype="affine" gainprm="0.313725" biasprm="0 -100 -5" forcerange="-4 4" ctrlrange="0 255"/></actuator>
</mujoco>"""
SIDE = """<body name="driver {s}" pos="{x} 0 0.06" euler="0 {tilt} 0"><joint name="driver {s}" axis="0 {sign} 0" range="0 55" damping="0.05" armature="0.002"/>
<geom type="capsule" fromto="0 0 0 0 0 0.06" size="0.005" mass="0.02" contype="0" conaffinity="0"/>
<body name="pad {s}" pos="0 0 0.06" euler="0 {back} 0"><joint name="pad {s}" axis="0 {sign} 0" range="-90 90" damping="0.01"/>
<geom name="tip {s}" type="box" pos="{inward} 0 0.03" size="0.006 0.012 0.03" mass="0.03"/></body></body>
<body name="coupler {s}" pos="{x2} 0 0.06" euler="0 {tilt} 0"><joint name="coupler {s}" axis="0 {sign} 0" range="-10 90" damping="0.01"/>
<geom type="capsule" fromto="0 0 0 0 0 0.06" size="0.004" mass="0.02" contype="0" conaffinity="0"/></body>"""


def linkage():
    """Four bars to a finger, closed by `connect`, as in the 2F-85: pads stay parallel while drivers turn."""
    left = SIDE.format(s="l", x=-0.02, x2=-0.04, tilt=-30, back=30, sign=1, inward=0.0)
    right = SIDE.format(s="r", x=0.02, x2=0.04, tilt=30, back=-30, sign=-1, inward=0.0)
    xml = LINKAGE.format(left=left, right=right)
    return Hand(xml, "palm", "grasp", ("tip l", "tip r"), ("f",), (240.0,), ((0.0,),), 500.0)


def finger(number, x, y, turn):
    return f"""<body name="knuckle {number}" pos="{x} {y} 0.05" euler="0 0 {turn}"><joint name="a {number}" axis="1 0 0" range="-30 90"
damping="0.05" armature="0.002"/><geom type="capsule" fromto="0 0 0 0 0 0.045" size="0.011" mass="0.05"/>
<body name="middle {number}" pos="0 0 0.045"><joint name="b {number}" axis="1 0 0" range="0 90" damping="0.05" armature="0.002"/>
<geom type="capsule" fromto="0 0 0 0 0 0.04" size="0.011" mass="0.04"/>
<body name="end {number}" pos="0 0 0.04"><joint name="c {number}" axis="1 0 0" range="0 90" damping="0.05" armature="0.001"/>
<geom name="tip {number}" type="capsule" fromto="0 0 0.005 0 0 0.03" size="0.011" mass="0.03"/></body></body></body>"""


def many_motors():
    """Three motors to each finger, as in the Allegro hand; the knuckles open the hand before it closes."""
    names = [f"{j} {n}" for n in (1, 2, 3) for j in "abc"]
    servos = "".join(
        f'<position name="{n}" joint="{n}" kp="6" kv="0.15" forcerange="-1.2 1.2" ctrlrange="-0.52 1.57"/>'
        for n in names
    )
    fingers = finger(1, -0.03, -0.05, 180) + finger(2, 0.03, -0.05, 180) + finger(3, 0, 0.05, 0)
    xml = f"""<mujoco><worldbody><body name="palm"><site name="grasp" pos="0 0 0.05"/>
    <geom type="box" pos="0 0 0.02" size="0.05 0.06 0.018" mass="0.6"/>{fingers}</body></worldbody><actuator>{servos}</actuator></mujoco>"""
    return Hand(
        xml,
        "palm",
        "grasp",
        ("tip 1", "tip 2", "tip 3"),
        tuple(names),
        (1.2, 0.9, 0.9) * 3,
        ((-0.3, 0.1, 0.1) * 3,),
        2.0,
    )


HANDS = {"panda": panda, "linkage": linkage, "many motors": many_motors}


@pytest.mark.parametrize("name", TAILS)
def test_one_actuator_closes_two_pads(name):
    hand = slides(name)
    PickingScene(GraspObject("mug").settled(), hand).check_graspable()
    closed, _ = OPENINGS.get(name, (0.069, 0.15))
    tips = np.asarray(TipKinematics(hand).tips(jnp.array([0.5 * closed])))[:, 1]
    np.testing.assert_allclose(tips[:, 0], [-0.08 + 0.0345, 0.08 - 0.0345], atol=2e-4)


def test_joints_stand_where_the_simulation_holds_them():
    """The hand's kinematics against MuJoCo itself, at commands between those of the table."""
    for make in (panda, linkage, many_motors):
        hand = make()
        model = mujoco.MjModel.from_xml_string(hand.model)
        model.opt.gravity[:] = 0
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
        commands = np.array(hand.preshapes[0], float)
        ids = [model.actuator(n).id for n in hand.closing]
        commands[ids] += 0.37 * (np.array(hand.closed) - commands[ids])
        data = mujoco.MjData(model)
        data.ctrl[:] = commands
        mujoco.mj_step(model, data, 5000)
        mujoco.mj_kinematics(model, data)
        found = np.asarray(TipKinematics(hand).tips(jnp.asarray(commands))).mean(1)
        for tip, place in zip(hand.tips, found, strict=True):
            is_geom = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, tip) >= 0
            wanted = data.geom(tip).xpos if is_geom else data.geom_xpos[model.body(tip).geomadr[0]]
            np.testing.assert_allclose(place, wanted, atol=5e-4)


@pytest.mark.parametrize("family", ["box", "apple", "mug"])
@pytest.mark.parametrize("name", HANDS)
def test_it_lifts(name, family):
    thing = GraspObject("soap" if family == "box" else family, mass=0.2).settled()
    scene = PickingScene(thing, HANDS[name]())
    reasons = []
    for wrist, shape in zip(*scene.candidates(400, seed=0), strict=True):
        if scene.clear(wrist, shape):
            reasons.append(scene.pick(wrist, shape).reason)
            if reasons[-1] == "held":
                return
    pytest.fail(f"none of {len(reasons)}: {sorted(set(reasons))}")


@pytest.mark.parametrize("name", ["panda", "linkage"])
def test_the_predicted_closing_ends_as_the_simulated_one(name):
    scene = PickingScene(GraspObject("soap", mass=0.2).settled(), HANDS[name]())
    same = []
    for wrist, shape in zip(*scene.candidates(2500, seed=1), strict=True):
        if len(same) == 30 or not scene.clear(wrist, shape):
            continue
        pick, said = scene.pick(wrist, shape), scene._chooser._predict(wrist, shape)
        expected = {"table": said.table, "other part": said.other, "missed": not said.tips.all()}
        same.append(expected.get(pick.reason, said.by_tips))
    assert len(same) > 8 and np.mean(same) > 0.7, (len(same), np.mean(same))


def test_a_hand_in_five_lines_of_yaml(tmp_path):
    (tmp_path / "gripper.xml").write_text(SLIDES.format(**CLOSING_UP, tail=TAILS["tendon"]))
    text = f"""{{use: hand, model: {tmp_path / "gripper.xml"}, palm: palm, grasp: grasp,
    tips: [left, right], closing: [f], closed: [0.069], preshapes: [[0.0]], speed: 0.15}}"""
    hand = from_config(yaml.safe_load(text), kind="part")
    assert isinstance(hand, Hand)


def test_a_hand_is_what_it_says():
    xml = SLIDES.format(**CLOSING_UP, tail=TAILS["tendon"])
    given = {
        "model": xml,
        "palm": "palm",
        "grasp": "grasp",
        "tips": ("tip l", "tip r"),
        "closing": ("f",),
        "closed": (0.069,),
    }
    given |= {"preshapes": ((0.0,),), "speed": 0.15}
    Hand(**given)
    for change, words in (
        (
            {"closed": (0.0,), "preshapes": ((0.069,),)},
            "does not bring the tips together; swap the open and the closed commands",
        ),
        ({"closed": (0.2,)}, "the closed command 0.2 of actuator 'f' is outside its range, 0 to 0.07"),
        ({"preshapes": ((-1.0,),)}, "the pre-shape command -1 of actuator 'f' is outside its range"),
        ({"tips": ("tip l", "thumb")}, "no geom or body 'thumb' for a tip"),
        ({"tips": ("tip l", "palm")}, "does not move the tip 'palm'"),
        (
            {"model": xml.replace("<position name", "<motor name").replace('kp="2000" kv="40"', "")},
            "actuator 'f' is not a position servo",
        ),
    ):
        with pytest.raises(DataError, match=words):
            Hand(**given | change)
