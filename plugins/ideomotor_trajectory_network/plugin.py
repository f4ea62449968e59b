"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components() -> list[Component]:
    """The components of this plug-in."""
    return [
        Component(
            "perception",
            "conditions-network",
            "ideomotor_trajectory_network:ConditionsNetwork",
            "start, target, field → inner features of a whole movement",
        ),
        Component(
            "primitive",
            "trajectory-decoder",
            "ideomotor_trajectory_network:TrajectoryDecoder",
            "inner features → all commands and states of a movement",
        ),
        Component(
            "perception",
            "trajectory-inversion",
            "ideomotor_trajectory_network:TrajectoryInversion",
            "parts of a movement → a distribution over whole movements",
        ),
        Component(
            "part",
            "time-samples",
            "ideomotor_trajectory_network._decoder:Samples",
            "functions of time as samples",
        ),
        Component(
            "part",
            "time-splines",
            "ideomotor_trajectory_network._decoder:Splines",
            "functions of time as splines",
        ),
    ]
