"""Claude: which models exist and what they cost, how to reach them, and a server that stands in for them offline."""
