"""Samples of demonstrations in a binary tree of clusters."""

from ._build import build_tree as build_tree
from ._build import rebuild_tree as rebuild_tree
from ._build import tree_features as tree_features
from ._chart import Chart as Chart
from ._clustering import EM as EM
from ._clustering import AbstractClustering as AbstractClustering
from ._clustering import KMeans as KMeans
from ._clustering import PCASplit as PCASplit
from ._indices import davies_bouldin as davies_bouldin
from ._indices import dunn as dunn
from ._segments import Segments as Segments
from ._settings import TreeSettings as TreeSettings
from ._tree import MovementTree as MovementTree
