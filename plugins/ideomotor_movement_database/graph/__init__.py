"""Movement trees, the transitions between their nodes, and searches through them."""
