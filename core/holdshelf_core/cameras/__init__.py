"""Cameras: their entries, flows, areas, commissioning, entrances and the signage checklist."""
