"""What was erased on schedule, when and why."""
