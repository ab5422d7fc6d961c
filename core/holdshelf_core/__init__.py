"""The Holdshelf service and its rules. Independent of any user interface and camera brand."""
