"""What this plug-in offers; imports nothing heavy."""

from ideomotor.spec import Component, hookimpl

_HERE = "ideomotor_cvae"


@hookimpl
def ideomotor_components() -> list[Component]:
    """The components of this plug-in."""
    return [
        Component(
            "perception", "cvae", f"{_HERE}:CVAE", "a distribution over parameters, given an observation"
        ),
        Component(
            "perception",
            "gaussian-regression",
            f"{_HERE}:GaussianRegression",
            "one prediction of the parameters, with its uncertainty",
        ),
        Component("part", "named-arrays", f"{_HERE}._model:NamedArrays", "parameters that are named arrays"),
        Component(
            "part", "image-prior", f"{_HERE}._networks:ImagePrior", "latent prior from the observation (CVAE)"
        ),
        Component(
            "part",
            "recurrent-prior",
            f"{_HERE}._networks:RecurrentPrior",
            "prior that sees a first prediction (R-CVAE)",
        ),
        Component(
            "part", "shared-prior", f"{_HERE}._networks:SharedPrior", "prior and recognition are one (GSNN)"
        ),
        Component(
            "part",
            "network-in-network",
            f"{_HERE}._networks:NetworkInNetwork",
            "convolutions, 1x1 convolution, mean",
        ),
        Component(
            "part", "dense-tower", f"{_HERE}._networks:DenseTower", "dense layers on a flattened observation"
        ),
    ]
