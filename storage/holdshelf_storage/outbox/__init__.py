"""Files ready to be fetched."""
