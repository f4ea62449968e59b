import numpy as np

from ..tree import MovementTree
from ..tree._build import memberships
from ._graph import TransitionGraph


def build_graph(tree: MovementTree) -> TransitionGraph:
    """Count the transitions between the nodes of a tree, on all levels (Deniša & Ude 2015, eq. 5).

    A transition is a sample and its successor in the same demonstration that lie in different nodes; what stays in a
    node is no edge, so the probabilities of a node's edges add up to less than one.
    """
    of, nodes, names = tree.demonstration, len(tree.parent), len(tree.names)
    inner = of[1:] == of[:-1]
    here, there = tree.leaf[:-1][inner].astype(np.int64), tree.leaf[1:][inner].astype(np.int64)
    of = of[1:][inner].astype(np.int64)
    sources, targets, counts, sizes, support = [], [], [], [], []
    for level in range(tree.levels - 1, -1, -1):
        apart = here != there
        if not apart.all():  # what is together on this level is together on all above
            here, there, of = here[apart], there[apart], of[apart]
        new = (tree.born[here] == level) | (tree.born[there] == level)
        edge, inverse, count = np.unique(
            here[new] * nodes + there[new], return_inverse=True, return_counts=True
        )
        by = np.unique(inverse * names + of[new])
        sources.append(edge // nodes)
        targets.append(edge % nodes)
        counts.append(count)
        sizes.append(np.bincount(by // names, minlength=len(edge)))
        support.append(by % names)
        here = np.where(tree.born[here] == level, tree.parent[here], here)
        there = np.where(tree.born[there] == level, tree.parent[there], there)
    source, target = np.concatenate(sources), np.concatenate(targets)
    count, size, support = np.concatenate(counts), np.concatenate(sizes), np.concatenate(support)
    order = np.lexsort((target, source))
    starts = np.cumsum(size) - size
    # The rows of `support` in the new order of the edges.
    rows = np.repeat(starts[order] - (np.cumsum(size[order]) - size[order]), size[order]) + np.arange(
        len(support)
    )
    source, target, count = source[order], target[order], count[order]
    indptr, member = memberships(tree.parent, tree.born, tree.leaf, tree.demonstration)
    return TransitionGraph(
        space=tree.space,
        rotation_length=tree.settings.rotation_length,
        names=tree.names,
        reference=tree.reference,
        parent=tree.parent,
        born=tree.born,
        split=tree.split,
        position=tree.position,
        spread=tree.spread,
        samples=tree.samples,
        demonstrations=tree.demonstrations,
        finals=tree.finals,
        duration=tree.duration,
        member_indptr=indptr,
        member=member,
        source=source.astype(np.int32),
        target=target.astype(np.int32),
        edge_born=np.maximum(tree.born[source], tree.born[target]),
        edge_split=np.minimum(tree.split[source], tree.split[target]),
        count=count.astype(np.int32),
        probability=count / tree.samples[source],
        length=np.linalg.norm(tree.position[source] - tree.position[target], axis=1),
        support_indptr=np.concatenate([[0], np.cumsum(size[order])]),
        support=support[rows].astype(np.int32),
    )
