"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_COMMANDS = (
    # name, function, summary, extra
    ("demo", "_run:demo", "draw bundled pictures of digits with the arm", ""),
    ("run digits", "_run:run_digits", "draw a picture of a digit with the arm", ""),
    ("run write-digit", "_robots:run_write_digit", "write a picture of a digit with a simulated KUKA arm", "mujoco"),
    ("run reach", "_run:run_reach", "reach with a six-muscle arm", ""),
    ("run circle", "_run:run_circle", "draw circles with a six-muscle arm", ""),
    ("run optimal-reach", "_run:run_optimal_reach", "reach by a trajectory function, beside the reach of least cost", ""),
    ("run pick-place", "_pick_place:run", "put an object on a shelf with a simulated KUKA arm", "mujoco"),
    ("run grasp", "_robots:run_grasp", "pick one object up with a simulated hand", "mujoco"),
    ("grasp collect", "_robots:collect", "grasps that held, with pictures, from simulation", "mujoco"),
    ("measure digits", "_run:measure_digits", "how well the digit reader reads images with known paths", ""),
    ("measure writing", "_robots:measure_writing", "how well the KUKA arm writes digits with known paths", "mujoco"),
    ("measure movement-database", "_run:measure_movements",
     "leave recorded demonstrations out, and find them among the others", "database"),
)  # fmt: skip


@hookimpl
def ideomotor_components():
    """The commands."""
    return [
        Component("command", name, f"ideomotor_commands.{function}", summary, extra=extra or None)
        for name, function, summary, extra in _COMMANDS
    ]
