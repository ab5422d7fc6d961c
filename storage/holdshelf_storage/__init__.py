"""Everything that Holdshelf stores on disk. Independent of rules, user interfaces and cameras.

In reading order: `volume` (the two roots and their identity), `footage` (recovery, reading, verifying), `ledger` (what was
erased: the only code that unlinks footage), `register` (what the installation knows), `access_log`, `anchors`, `shelf`, `outbox`,
`backup`, `mp4`. In the root: `atomic`, `layout`, `decoding`, `reading`, `scratch`, `units`. The errors are one family, in
`errors`. The format is docs/disk-format.md. Nothing is imported here, so that a worker that needs one part does not load the
others.
"""
