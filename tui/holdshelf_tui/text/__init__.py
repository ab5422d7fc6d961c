"""Words in and out, without Textual and without typer: what screens, commands and papers share."""
