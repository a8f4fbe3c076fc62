"""Switch workflows of other interpolation nodes, and of earlier versions, to the nodes of this pack.

::

    migrated, report = migrate_workflow(workflow)
"""

from .report import Report as Report
from .rules import migrate_workflow as migrate_workflow
