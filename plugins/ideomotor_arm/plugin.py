"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl


@hookimpl
def ideomotor_components():
    """The plants and parts of this plug-in."""
    return [
        Component(
            "plant",
            "two-link-arm",
            "ideomotor_arm:TwoLinkArm",
            "planar arm moved by shoulder and elbow torque",
        ),
        Component(
            "plant", "servo", "ideomotor_arm:Servo", "an arm that follows set points of hand or joints"
        ),
        Component(
            "plant", "curl-field", "ideomotor_arm:CurlField", "an arm pushed sideways as fast as it moves"
        ),
        Component("plant", "noisy", "ideomotor_arm:Noisy", "a plant with noise on its commands and feedback"),
        Component("plant", "delayed", "ideomotor_arm:Delayed", "a plant whose feedback comes late"),
        Component("plant", "sheet", "ideomotor_arm:Sheet", "a hand over squared paper: metres become pixels"),
        Component("plant", "muscle-arm", "ideomotor_arm:MuscleArm", "two-link arm moved by six muscles"),
        Component("plant", "arm26", "ideomotor_arm:arm26", "the six-muscle Hill arm of Nijhof & Kouwenhoven"),
        Component("plant", "franklin-arm", "ideomotor_arm:franklin_arm", "an arm with spring-like muscles"),
        Component("plant", "muscle-leg", "ideomotor_arm:muscle_leg", "hip and knee moved by six muscles"),
        Component("plant", "point-mass", "ideomotor_arm:PointMass", "a mass in the plane moved by a force"),
        Component(
            "plant", "constant-load", "ideomotor_arm:ConstantLoad", "a hand pushed by a constant force"
        ),
        Component("plant", "pulse-load", "ideomotor_arm:PulseLoad", "a hand pushed for a short time"),
        Component("plant", "force-channel", "ideomotor_arm:ForceChannel", "a hand kept on a straight line"),
        Component(
            "plant", "joint-curl-field", "ideomotor_arm:JointCurlField", "joints turned as fast as they move"
        ),
        Component(
            "part", "muscle-paths", "ideomotor_arm._paths:MusclePaths", "where muscles run over the joints"
        ),
        Component(
            "part", "joint-limits", "ideomotor_arm._limits:JointLimits", "springs at the ends of the range"
        ),
        Component(
            "part", "linear-muscle", "ideomotor_arm._muscles:LinearMuscle", "tension follows activation"
        ),
        Component(
            "part", "virtual-muscle", "ideomotor_arm._muscles:VirtualMuscle", "the muscle of Li & Todorov"
        ),
        Component(
            "part", "kistemaker-muscle", "ideomotor_arm._muscles:KistemakerMuscle", "Hill, rigid tendon"
        ),
        Component(
            "part", "thelen-muscle", "ideomotor_arm._muscles:ThelenMuscle", "Hill after Thelen, rigid tendon"
        ),
        Component(
            "part",
            "first-order-activation",
            "ideomotor_arm._activation:FirstOrderActivation",
            "one time constant",
        ),
        Component(
            "part",
            "todorov-li-activation",
            "ideomotor_arm._activation:TodorovLiActivation",
            "faster up than down",
        ),
        Component(
            "part",
            "thelen-activation",
            "ideomotor_arm._activation:ThelenActivation",
            "slower the more active",
        ),
    ]
