"""What every action passes through: the registry, the authorizer, the caller, and the state store."""
