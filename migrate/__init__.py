"""Switch workflows of other interpolation nodes over to the nodes of this pack.

::

    migrated, report = migrate_workflow(workflow)
"""

from .rules import Report as Report
from .rules import migrate_workflow as migrate_workflow
