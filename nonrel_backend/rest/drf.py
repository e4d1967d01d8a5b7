"""The public path of NonrelModelSerializer."""

from .contrib.drf import NonrelModelSerializer

__all__ = ["NonrelModelSerializer"]
