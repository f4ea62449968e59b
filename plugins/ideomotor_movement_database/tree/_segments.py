from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int


@dataclass(frozen=True, eq=False)
class Segments:
    """Samples of many nodes, one node after the other, each centred on its mean.

    - `x`: shape `(feature, sample)`, so that a sum over the samples of a node runs over neighbours in memory.
    - `counts`: samples of each node, none of them zero.
    """

    x: Float[np.ndarray, "feature sample"]
    counts: Int[np.ndarray, " node"]

    @property
    def starts(self) -> Int[np.ndarray, " node"]:
        """The first sample of each node."""
        return np.cumsum(self.counts) - self.counts

    def sum(self, values: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " node"]:
        """Of the values of each node's samples."""
        return np.add.reduceat(values, self.starts)

    def spread_out(self, values: np.ndarray) -> np.ndarray:
        """The value of each sample's node."""
        return np.repeat(values, self.counts)

    def project(self, directions: Float[np.ndarray, "node feature"]) -> Float[np.ndarray, " sample"]:
        """Scalar product of each sample with its node's direction."""
        found = np.zeros(self.x.shape[1])
        for row, column in zip(self.x, directions.T, strict=True):
            found += row * self.spread_out(column)
        return found

    def covariance(self, weights: Float[np.ndarray, " sample"] | None = None) -> np.ndarray:
        """Sums of products about the means, shape `(node, feature, feature)`; not divided by the counts."""
        d = len(self.x)
        found = np.empty((len(self.counts), d, d))
        for i in range(d):
            row = self.x[i] if weights is None else self.x[i] * weights
            for j in range(i + 1):
                found[:, i, j] = found[:, j, i] = self.sum(row * self.x[j])
        return found

    def principal(self) -> Float[np.ndarray, "node feature"]:
        """The direction of largest variance of each node; its largest component is positive."""
        directions = np.linalg.eigh(self.covariance())[1][:, :, -1]
        largest = np.abs(directions).argmax(axis=1)
        sign = np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)
        return directions * sign[:, None]

    def select(self, nodes: Bool[np.ndarray, " node"]) -> "tuple[Segments, Bool[np.ndarray, ' sample']]":
        """Some of the nodes, and which samples those are."""
        samples = self.spread_out(nodes)
        return Segments(self.x[:, samples], self.counts[nodes]), samples
