"""Pahič et al. 2018, deep encoder-decoder networks from images of digits to the movements that write them."""
