"""Loaded before all else in the fork server, which is confined already: where files may be made is said, not tried."""

from holdshelf_tui.ssh.confined import use_scratch_folder

use_scratch_folder()
