"""A row of tabs that are not the same for good: who sits there may be given other rights."""

from __future__ import annotations

from collections.abc import Mapping

from textual.widgets import Tab, Tabs


async def async_have_tabs(tabs: Tabs, labels: Mapping[str, str]) -> None:
    """Have these tabs (label by id) in this order. Those that stay are left as they are; another one is in front where that one
    goes."""
    there = [tab for tab in tabs.query(Tab) if tab.id in labels]
    for tab in tabs.query(Tab):
        if tab.id not in labels:
            await tabs.remove_tab(tab)
    for number, (key, label) in enumerate(labels.items()):
        if number < len(there) and there[number].id == key:
            continue
        tab = Tab(label, id=key)
        if number < len(there):
            await tabs.add_tab(tab, before=there[number])
        else:
            await tabs.add_tab(tab)
        there.insert(number, tab)
