"""Looking: from disk to eye. Must never import the recorder, and never decode outside the picture worker."""
