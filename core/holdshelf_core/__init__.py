"""The service and the rules of Holdshelf. Knows no screen and no camera make."""
