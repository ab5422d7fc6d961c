"""What stands in front of a screen and wants an answer."""
