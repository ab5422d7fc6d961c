"""From camera to disk: the service's side (``recorder``) and the worker processes (``worker``) that demux and mux.

Only the ``worker`` modules import av; the service decodes nothing and parses no camera's packets.
"""
