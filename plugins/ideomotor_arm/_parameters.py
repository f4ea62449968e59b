from typing import NamedTuple


class ArmParameters(NamedTuple):
    """Measured arms: `TwoLinkArm(**NIJHOF_KOUWENHOVEN._asdict())`.

    Upper arm first, then forearm with hand. Lengths and centres of mass (from the proximal joint) in m,
    masses in kg, inertias about the proximal joint in kg m², damping (joint friction) in N m s/rad.
    """

    lengths: tuple[float, float]
    masses: tuple[float, float]
    com: tuple[float, float]
    inertias: tuple[float, float]
    damping: tuple[tuple[float, float], tuple[float, float]]


LI_TODOROV = ArmParameters(
    lengths=(0.30, 0.33),
    masses=(1.4, 1.0),
    com=(0.11, 0.16),
    inertias=(0.025, 0.045),
    damping=((0.05, 0.025), (0.025, 0.05)),
)
"""Li & Todorov 2004, "Iterative LQR design for nonlinear biological movement systems"."""

# The source gives the inertias about the centres of mass, 0.051 and 0.057 kg m²; here m s² is added
# (Steiner).
NIJHOF_KOUWENHOVEN = ArmParameters(
    lengths=(0.309, 0.333),
    masses=(1.82, 1.43),
    com=(0.135, 0.165),
    inertias=(0.0841695, 0.09593175),
    damping=((0.0, 0.0), (0.0, 0.0)),
)
"""Nijhof & Kouwenhoven 2000, "Simulation of multijoint arm movements"; no joint friction is given there."""
