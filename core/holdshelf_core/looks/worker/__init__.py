"""The picture worker's process: decodes what it is given, and nothing else."""
