"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_recordings"
_COMMANDS = (
    ("check", "find bad recordings"),
    ("convert", "write recordings in another format"),
    ("info", "channels, rates, gaps and jumps"),
    ("view", "a picture of all channels"),
)


def _format(name: str, factory: str, summary: str, extra: str | None = "recordings") -> Component:
    return Component("format", name, f"{_HERE}.{factory}", summary, extra)


@hookimpl
def ideomotor_components() -> list[Component]:
    """Formats of recordings, and `ideomotor recording`."""
    return [
        _format("csv", "_csv:CSV", "tables of text: .csv, .tsv, .txt, .dat", None),
        _format("npz", "_npz:NPZ", "NumPy archives", None),
        _format("rosbag1", "_bags:Rosbag1", "bags of ROS 1"),
        _format("rosbag2", "_bags:Rosbag2", "bags of ROS 2: folders, .db3"),
        _format("lerobot", "_lerobot:LeRobot", "LeRobot sets: any version is read, 3.0 is written"),
        _format("lerobot-v21", "_lerobot:lerobot_v21", "LeRobot sets of version 2.1"),
        _format("bvh", "_mocap:BVH", "motion capture of Biovision", None),
        _format("amc", "_mocap:AMC", "motion capture of Acclaim, with its skeleton (ASF)", None),
        _format("c3d", "_c3d:C3D", "markers and analogue signals"),
        _format("opensim", "_opensim:OpenSim", "OpenSim's .mot and .sto", None),
        _format("matlab", "_matlab:Matlab", "MATLAB matrices, structures and cells", None),
        _format("hdf5", "_hdf5:HDF5", "HDF5 of robomimic, robosuite, Isaac Lab and ALOHA"),
        _format("mcap", "_bags:MCAP", "MCAP files with ROS messages"),
        *(
            Component("command", f"recording {name}", f"{_HERE}._commands:{name}", text)
            for name, text in _COMMANDS
        ),
    ]
