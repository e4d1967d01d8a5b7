"""What the user may do."""

from typing import Any

from django.contrib.auth import get_permission_codename

from .exceptions import Unauthorized


class Authorization:
    """Allows everything; the base of all others.

    The methods of lists return what the user may work with; those of details return
    whether, or raise Unauthorized.
    """

    def read_list(self, object_list, bundle) -> Any:
        return object_list

    def read_detail(self, object_list, bundle) -> bool:
        return True

    def create_list(self, object_list, bundle) -> Any:
        return object_list

    def create_detail(self, object_list, bundle) -> bool:
        return True

    def update_list(self, object_list, bundle) -> Any:
        return object_list

    def update_detail(self, object_list, bundle) -> bool:
        return True

    def delete_list(self, object_list, bundle) -> Any:
        return object_list

    def delete_detail(self, object_list, bundle) -> bool:
        return True


class ReadOnlyAuthorization(Authorization):
    """Allows reading alone."""

    def create_list(self, object_list, bundle):
        return []

    def create_detail(self, object_list, bundle):
        raise Unauthorized("You are not allowed to create that resource.")

    def update_list(self, object_list, bundle):
        return []

    def update_detail(self, object_list, bundle):
        raise Unauthorized("You are not allowed to change that resource.")

    def delete_list(self, object_list, bundle):
        raise Unauthorized("You are not allowed to delete that resource.")

    def delete_detail(self, object_list, bundle):
        raise Unauthorized("You are not allowed to delete that resource.")


class DjangoAuthorization(Authorization):
    """Allows writing by Django's permissions; reading too where `read_permission`
    names one, as "view".
    """

    read_permission: str | None = None

    def __init__(self, read_permission: str | None = None):
        self.read_permission = read_permission or self.read_permission

    def check(self, action: str | None, object_list, bundle) -> bool:
        """Whether the user has the permission; Unauthorized otherwise."""
        if action is None:
            return True
        model = getattr(object_list, "model", None) or type(bundle.obj)
        if not hasattr(model, "_meta"):
            raise Unauthorized("Only models have permissions: this is none.")
        options = model._meta
        permission = f"{options.app_label}.{get_permission_codename(action, options)}"
        user = getattr(bundle.request, "user", None)
        if user is None or not user.has_perm(permission):
            raise Unauthorized(f"You are not allowed to {action} that resource.")
        return True

    def checked(self, action: str | None, object_list, bundle) -> Any:
        self.check(action, object_list, bundle)
        return object_list

    def read_list(self, object_list, bundle):
        return self.checked(self.read_permission, object_list, bundle)

    def read_detail(self, object_list, bundle):
        return self.check(self.read_permission, object_list, bundle)

    def create_list(self, object_list, bundle):
        return self.checked("add", object_list, bundle)

    def create_detail(self, object_list, bundle):
        return self.check("add", object_list, bundle)

    def update_list(self, object_list, bundle):
        return self.checked("change", object_list, bundle)

    def update_detail(self, object_list, bundle):
        return self.check("change", object_list, bundle)

    def delete_list(self, object_list, bundle):
        return self.checked("delete", object_list, bundle)

    def delete_detail(self, object_list, bundle):
        return self.check("delete", object_list, bundle)
