"""Transitions between the nodes of a movement tree, and searches through them."""

from ._build import build_graph as build_graph
from ._graph import LevelGraph as LevelGraph
from ._graph import TransitionGraph as TransitionGraph
from ._network import Network as Network
from ._path import NodePath as NodePath
from ._search import AbstractSearch as AbstractSearch
from ._search import AbstractSearcher as AbstractSearcher
from ._search import Flat as Flat
from ._search import Hierarchical as Hierarchical
from ._search import Validity as Validity
