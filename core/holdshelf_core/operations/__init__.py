"""Running the service: jobs, doctor, status, the clock, backups."""
