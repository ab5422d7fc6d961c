"""A library's policy as a file: data that a Board adopts, read once into frozen tables."""
