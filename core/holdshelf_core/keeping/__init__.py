"""What stays and what goes: the rolling buffer's budget (``retention``)."""
