"""People: seats, letters of appointment, keys, logins and terms."""
