"""Everything that Holdshelf keeps on disk. Knows no rule, no screen and no camera.

In the order in which a reader meets them: `volume` (the two roots and their identity), `footage` (segments, gaps, queries),
`ledger` (what was erased: the only hands that unlink footage), `register` (what the installation knows), `verify`.
Behind them: `atomic`, `layout`, `journal`, `fmp4`, `days`, `recovery`, `query`, `index`, `hashing`, `sequence`, `reserve`.
The errors are one family, in `errors`. The format is docs/disk-format.md. Nothing is imported here: workers that need one
room shall not load the others.
"""
