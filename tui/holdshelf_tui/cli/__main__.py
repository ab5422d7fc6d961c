"""``python -m holdshelf_tui.cli`` is ``holdshelf``."""

from holdshelf_tui.cli import main

main()
