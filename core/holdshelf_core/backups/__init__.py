"""Backups of STATE: into one file by command, and each day by themselves to a folder or an SFTP target, verified there."""
