"""The access log on disk: lines, tree, signed heads."""
