"""A trajectory function is a pipeline of a `ConditionsNetwork` and a `TrajectoryDecoder`."""

from ideomotor import Pipeline
from ideomotor.errors import DataError

from ._conditions import ConditionsNetwork
from ._decoder import TrajectoryDecoder


def networks(function: Pipeline) -> tuple[ConditionsNetwork, TrajectoryDecoder]:
    """Its two networks; raises a `DataError` for any other pipeline."""
    conditions, decoder = function.perception, function.primitive
    if not (isinstance(conditions, ConditionsNetwork) and isinstance(decoder, TrajectoryDecoder)):
        raise DataError(
            f"A trajectory function is a pipeline of a ConditionsNetwork and a TrajectoryDecoder, not of "
            f"{type(conditions).__name__} and {type(decoder).__name__}."
        )
    return conditions, decoder
