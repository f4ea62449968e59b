"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_COMMANDS = (
    # name, function, summary, extra
    ("reproduce berniker2015", "berniker2015._commands:reproduce",
     "Berniker & Kording 2015: trajectory functions by deep networks", ""),
    ("reproduce denisa2015", "denisa2015._commands:reproduce",
     "Deniša & Ude 2015: new movements through search in a hierarchical database", "mujoco"),
    ("reproduce huh2009", "huh2009._commands:reproduce", "Huh & Todorov 2009: motor control by recurrent networks", ""),
    ("reproduce pahic2018", "pahic2018._commands:reproduce",
     "Pahič et al. 2018: from images of digits to the movements that write them", ""),
    ("reproduce veres2017", "veres2017._commands:reproduce",
     "Veres et al. 2017: from pictures to a distribution over grasps", "mujoco"),
    ("train trajectory-network", "berniker2015._commands:train",
     "a network from start, target, field and time to a whole optimal reach", ""),
    ("train reach", "huh2009._commands:train_reach", "a network that reaches with six muscles", ""),
    ("train circle", "huh2009._commands:train_circle", "a network that draws circles", ""),
)  # fmt: skip


@hookimpl
def ideomotor_components():
    """The commands."""
    return [
        Component("command", name, f"ideomotor_studies.{function}", summary, extra=extra or None)
        for name, function, summary, extra in _COMMANDS
    ]
