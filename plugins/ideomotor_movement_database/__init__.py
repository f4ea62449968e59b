"""Many demonstrations become new movements: hierarchical clustering, transition graphs, search, storage."""

from ._demonstrations import Demonstration as Demonstration
from ._demonstrations import Demonstrations as Demonstrations
from ._generalise import GaussianProcess as GaussianProcess
from ._generalise import routes as routes
from ._joining import Timing as Timing
from ._joining import imitate as imitate
from ._planner import MovementGraph as MovementGraph
from ._read import read_demonstrations as read_demonstrations
from ._scene import ShelfScene as ShelfScene
from ._scene import shelf_demonstrations as shelf_demonstrations
from .graph._build_tree import build_tree as build_tree
from .graph._clustering import AbstractClustering as AbstractClustering
from .graph._graph import TransitionGraph as TransitionGraph
from .graph._search import Flat as Flat
from .graph._search import Hierarchical as Hierarchical
from .graph._tree import MovementTree as MovementTree
from .graph._tree import TreeSettings as TreeSettings
from .storage._bolt import BoltStore as BoltStore
from .storage._database import MovementDatabase as MovementDatabase
