"""Widgets for notebooks: see and move every pipeline with the mouse, and take away the code it made."""

from ._database_explorer import DatabaseExplorer as DatabaseExplorer
from ._draw_digit import DrawDigit as DrawDigit
from ._latent_explorer import LatentExplorer as LatentExplorer
from ._monitor import TrainingMonitor as TrainingMonitor
from ._pipeline_explorer import PipelineExplorer as PipelineExplorer
from ._player import MovementPlayer as MovementPlayer
from ._playground import ControlPlayground as ControlPlayground
from ._primitive_editor import PrimitiveEditor as PrimitiveEditor
