"""The connection: that of the template."""

from backend_template import base


class DatabaseWrapper(base.DatabaseWrapper):
    vendor = display_name = "texts"
