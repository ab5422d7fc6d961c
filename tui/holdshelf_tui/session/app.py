"""What every screen and widget finds at ``self.app``: the link, the open looks, who sits here, how pictures are drawn."""

from __future__ import annotations

from holdshelf_tui.session.answers import Answers
from holdshelf_tui.session.driver import TerminalDriver
from holdshelf_tui.session.graphics import Graphics
from holdshelf_tui.session.inputs import InTurn
from holdshelf_tui.session.line_ends import keep_amounts_whole
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.session.looks import Looks
from holdshelf_tui.session.paint_queue import PaintQueue

keep_amounts_whole()


class SessionApp(InTurn[str]):
    """The application without its screens, which stand above it: they know this class, and it knows none of them."""

    def __init__(self, link: Link, graphics: Graphics) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.link = link
        self.looks = Looks(link)
        self.who = Who(None)
        self.graphics = graphics
        self.paint_queue = PaintQueue(self)

    @property
    def answers(self) -> Answers:
        """What the terminal has said of itself so far."""
        return self.graphics.answers or super().answers
