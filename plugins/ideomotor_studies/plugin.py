"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_DIGITS = "ideomotor_studies.digits._commands"
_DENISA = "ideomotor_studies.denisa2015._commands"
_HUH = "ideomotor_studies.huh2009._commands"


@hookimpl
def ideomotor_components():
    """See `ideomotor.spec.Hooks`."""
    return [
        Component("command", "demo", f"{_DIGITS}:demo", "draw bundled pictures of digits with the arm"),
        Component(
            "command",
            "measure digits",
            "ideomotor_studies.digits._measure:command",
            "how well the digit reader reads images with known paths",
        ),
        Component("command", "run digits", f"{_DIGITS}:run", "draw a picture of a digit with the arm"),
        Component(
            "command",
            "run write-digit",
            "ideomotor_studies.writing._commands:run",
            "write a picture of a digit with a simulated KUKA arm",
            extra="mujoco",
        ),
        Component(
            "command",
            "measure writing",
            "ideomotor_studies.writing._measure:command",
            "how well the KUKA arm writes digits with known paths",
            extra="mujoco",
        ),
        Component(
            "command",
            "reproduce berniker2015",
            "ideomotor_studies.berniker2015._commands:reproduce",
            "Berniker & Kording 2015: trajectory functions by deep networks",
        ),
        Component(
            "command",
            "train trajectory-network",
            "ideomotor_studies.berniker2015._commands:train",
            "a network from start, target, field and time to a whole optimal reach",
        ),
        Component(
            "command",
            "run optimal-reach",
            "ideomotor_studies.berniker2015._commands:run",
            "reach by a trajectory function, beside the reach of least cost",
        ),
        Component(
            "command",
            "reproduce denisa2015",
            f"{_DENISA}:reproduce",
            "Deniša & Ude 2015: new movements through search in a hierarchical database",
            extra="mujoco",
        ),
        Component(
            "command",
            "run pick-place",
            f"{_DENISA}:run",
            "put an object on a shelf with a simulated KUKA arm",
            extra="mujoco",
        ),
        Component(
            "command",
            "measure movement-database",
            f"{_DENISA}:measure",
            "leave recorded demonstrations out, and find them among the others",
            extra="database",
        ),
        Component(
            "command",
            "reproduce huh2009",
            f"{_HUH}:reproduce",
            "Huh & Todorov 2009: motor control by recurrent networks",
        ),
        Component(
            "command",
            "reproduce pahic2018",
            "ideomotor_studies.pahic2018._commands:reproduce",
            "Pahič et al. 2018: from images of digits to the movements that write them",
        ),
        Component(
            "command",
            "grasp collect",
            "ideomotor_studies.veres2017._commands:collect",
            "grasps that held, with pictures, from simulation",
            extra="mujoco",
        ),
        Component(
            "command",
            "reproduce veres2017",
            "ideomotor_studies.veres2017._commands:reproduce",
            "Veres et al. 2017: from pictures to a distribution over grasps",
            extra="mujoco",
        ),
        Component(
            "command",
            "run grasp",
            "ideomotor_studies.grasping._commands:run",
            "pick one thing up with a simulated hand",
            extra="mujoco",
        ),
        Component("command", "train reach", f"{_HUH}:train_reach", "a network that reaches with six muscles"),
        Component("command", "train circle", f"{_HUH}:train_circle", "a network that draws circles"),
        Component("command", "run reach", f"{_HUH}:run_reach", "reach with a six-muscle arm"),
        Component("command", "run circle", f"{_HUH}:run_circle", "draw circles with a six-muscle arm"),
    ]
