"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components():
    """See `ideomotor.spec.Hooks`."""
    return [
        Component(
            "primitive",
            "recurrent-policy",
            "ideomotor_rnn:RecurrentPolicy",
            "a recurrent network that moves muscles",
        ),
        Component(
            "primitive", "scheduled", "ideomotor_rnn:Scheduled", "a policy whose command changes with time"
        ),
        Component("part", "reach-command", "ideomotor_rnn:ReachCommand", "where the hand shall be"),
        Component(
            "part", "circle-command", "ideomotor_rnn:CircleCommand", "which circle the hand shall draw"
        ),
        Component("part", "rate-cell", "ideomotor_rnn:RateCell", "leaky units with a threshold"),
        Component("part", "gru-cell", "ideomotor_rnn:GRUCell", "gated recurrent units"),
    ]
