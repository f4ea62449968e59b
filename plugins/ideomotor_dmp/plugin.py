"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components():
    """The components of this plug-in."""
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
            "primitive", "prodmp", "ideomotor_dmp:ProDMP", "a DMP from any position and velocity; replanned"
        ),
        Component("primitive", "hitting-dmp", "ideomotor_dmp:HittingDMP", "a DMP that meets a moving target"),
        Component(
            "primitive", "via-point-dmp", "ideomotor_dmp:ViaPointDMP", "a DMP that passes given points"
        ),
        Component(
            "primitive", "joined-dmp", "ideomotor_dmp:JoinedDMP", "DMPs in sequence with smooth joints"
        ),
        Component("primitive", "periodic-dmp", "ideomotor_dmp:PeriodicDMP", "a rhythmic DMP in closed form"),
        Component(
            "primitive",
            "feedback-periodic-dmp",
            "ideomotor_dmp:FeedbackPeriodicDMP",
            "a rhythmic DMP played step by step: coupling of phase and force",
        ),
        Component(
            "primitive", "orientation-dmp", "ideomotor_dmp:OrientationDMP", "a DMP on unit quaternions"
        ),
        Component("primitive", "pose-dmp", "ideomotor_dmp:PoseDMP", "position and orientation in one DMP"),
        Component(
            "primitive",
            "promp",
            "ideomotor_dmp:ProMP",
            "distribution of movements, of several demonstrations",
        ),
        Component(
            "part",
            "closed-form",
            "ideomotor_dmp._methods:ClosedForm",
            "solves a DMP exactly, from a table (default)",
        ),
        Component(
            "part", "integrated", "ideomotor_dmp._methods:Integrated", "solves a DMP with a Diffrax solver"
        ),
        Component(
            "part",
            "tracking-coupling",
            "ideomotor_dmp._coupling:TrackingCoupling",
            "the desired position yields to the observed",
        ),
        Component(
            "part",
            "obstacle-coupling",
            "ideomotor_dmp._coupling:ObstacleCoupling",
            "a soft ball that repels a DMP",
        ),
        Component(
            "part",
            "steering-coupling",
            "ideomotor_dmp._coupling:SteeringCoupling",
            "steers a DMP around an obstacle",
        ),
        Component("part", "force-coupling", "ideomotor_dmp._coupling:ForceCoupling", "keeps a contact force"),
        Component("part", "sum-coupling", "ideomotor_dmp._coupling:SumCoupling", "several couplings at once"),
    ]
