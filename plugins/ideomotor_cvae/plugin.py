"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_cvae"


@hookimpl
def ideomotor_components() -> list[Component]:
    """See `ideomotor.spec.Hooks`."""
    return [
        Component(
            "perception", "cvae", f"{_HERE}:CVAE", "a distribution over parameters, given an observation"
        ),
        Component(
            "perception",
            "gaussian-regression",
            f"{_HERE}:GaussianRegression",
            "one guess of the parameters, with its spread",
        ),
        Component("part", "named-arrays", f"{_HERE}:NamedArrays", "parameters that are a few named arrays"),
        Component("part", "image-prior", f"{_HERE}:ImagePrior", "latent prior from the observation (CVAE)"),
        Component(
            "part", "recurrent-prior", f"{_HERE}:RecurrentPrior", "prior that sees a first guess (R-CVAE)"
        ),
        Component("part", "shared-prior", f"{_HERE}:SharedPrior", "prior and recognition are one (GSNN)"),
        Component(
            "part", "network-in-network", f"{_HERE}:NetworkInNetwork", "convolutions, then 1x1 and mean"
        ),
        Component("part", "dense-tower", f"{_HERE}:DenseTower", "dense layers on a flattened observation"),
    ]
