"""The checklist's points under the first library's policy."""

from holdshelf_core.policy.checklist import points_of
from holdshelf_core.policy_file.first import first_policy

POINTS = {kind: points_of(first_policy(), kind) for kind in ("entrance", "camera", "house")}
