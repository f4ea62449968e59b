"""The shared room: what several plug-ins need, since a plug-in imports `ideomotor` only and never another plug-in.

`rotations`, `solvers`, `profiles`, `layers`, `pretrained`, `trees`, `clocks`; import the module that you use:

    from ideomotor.common import rotations
    rotations.multiply(a, b)
"""
