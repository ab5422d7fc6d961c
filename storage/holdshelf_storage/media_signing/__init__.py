"""Pictures that the camera itself signed: recognized, and checked where the format is public (ADR 66)."""
