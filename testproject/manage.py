#!/usr/bin/env python
"""Django's command line for the atlas."""

import os
import sys
from pathlib import Path

# Use the backend of this checkout, installed or not.
sys.path.append(str(Path(__file__).resolve().parents[1]))

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
