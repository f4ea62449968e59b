"""Commands for daily work: draw, write, reach, pick up, put away, and measure how well that goes."""
