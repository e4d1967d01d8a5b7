"""Build with setuptools; pyproject.toml holds the metadata.

The packages are listed here because the template for new backends has another place in
the package than in the repository.
"""

from setuptools import find_packages, setup

TEMPLATE = "nonrel_backend.backend_template"

setup(
    packages=[*find_packages(include=["nonrel_backend*"]), TEMPLATE],
    package_dir={TEMPLATE: "backend_template"},
)
