"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components():
    """See `ideomotor.spec.Hooks`."""
    return [
        Component(
            "primitive", "dmp", "ideomotor_dmp:DMP", "dynamic movement primitive, solved in closed form"
        ),
        Component(
            "primitive",
            "feedback-dmp",
            "ideomotor_dmp:FeedbackDMP",
            "a DMP played step by step: coupling, phase stopping",
        ),
        Component(
            "part", "closed-form", "ideomotor_dmp:ClosedForm", "solves a DMP exactly, from a table (default)"
        ),
        Component("part", "integrated", "ideomotor_dmp:Integrated", "solves a DMP with a Diffrax solver"),
        Component(
            "part",
            "tracking-coupling",
            "ideomotor_dmp:TrackingCoupling",
            "the desired position yields to the observed",
        ),
        Component(
            "part", "obstacle-coupling", "ideomotor_dmp:ObstacleCoupling", "a soft ball that repels a DMP"
        ),
    ]
