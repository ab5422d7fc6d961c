"""The terminal: command line, screens, demo. Reaches the service only through holdshelf_core.api."""
