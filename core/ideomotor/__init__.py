"""Ideomotor couples perception to action.

    import ideomotor
    ideomotor.components()                 # what there is
    primitive = ideomotor.make("dmp", dof=2)
    pipeline = ideomotor.load_pipeline("pipeline.yaml")
    movement = pipeline(image, ts)

Names are attached when first used, so that `import ideomotor` is quick and loads no JAX.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
