"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_COMMANDS = (
    # name, function, summary, extra
    ("evidence", "evidence._command:evidence", "every claim, the command that measures it, and its age", ""),
    ("reproduce berniker2015", "berniker2015._study:study.command",
     "Berniker & Kording 2015: trajectory functions by deep networks", ""),
    ("reproduce denisa2015", "denisa2015._study:study.command",
     "Deniša & Ude 2015: new movements through search in a hierarchical database", "mujoco"),
    ("reproduce huh2009", "huh2009._study:study.command", "Huh & Todorov 2009: motor control by recurrent networks", ""),
    ("reproduce pahic2018", "pahic2018._study:study.command",
     "Pahič et al. 2018: from images of digits to the movements that write them", ""),
    ("reproduce veres2017", "veres2017._study:study.command",
     "Veres et al. 2017: from pictures to a distribution over grasps", "mujoco"),
    ("train trajectory-network", "berniker2015._train:train",
     "a network from start, target, field and time to a whole optimal reach", ""),
    ("train reach", "huh2009._study:reach", "a network that reaches with six muscles", ""),
    ("train circle", "huh2009._study:circle", "a network that draws circles", ""),
)  # fmt: skip


@hookimpl
def ideomotor_components():
    """The commands."""
    return [
        Component("command", name, f"ideomotor_studies.{function}", summary, extra=extra or None)
        for name, function, summary, extra in _COMMANDS
    ]
