"""Many demonstrations become new movements: hierarchical clustering, transition graphs, search, storage."""
