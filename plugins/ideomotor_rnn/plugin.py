"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_rnn"


@hookimpl
def ideomotor_components() -> list[Component]:
    """The components of this plug-in."""
    return [
        Component(
            "primitive",
            "recurrent-policy",
            f"{_HERE}:RecurrentPolicy",
            "a recurrent network that moves muscles",
        ),
        Component(
            "primitive", "scheduled", f"{_HERE}:ScheduledPolicy", "a policy whose command changes with time"
        ),
        Component("part", "reach-command", f"{_HERE}:ReachCommand", "where the hand should be"),
        Component("part", "circle-command", f"{_HERE}:CircleCommand", "which circle the hand should draw"),
        Component("part", "rate-cell", f"{_HERE}._policy:RateCell", "leaky units with a threshold"),
        Component("part", "gru-cell", f"{_HERE}._policy:GRUCell", "gated recurrent units"),
    ]
