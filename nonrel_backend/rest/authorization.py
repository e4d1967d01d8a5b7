"""Authorization: what a user may do."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth import get_permission_codename
from django.utils.translation import gettext

from .bundle import Bundle
from .exceptions import Unauthorized


class Authorization:
    """Allows everything. The base of all others.

    The methods of lists return the objects that are allowed. The methods of details
    return whether the bundle's object is allowed, or raise Unauthorized.
    """

    def read_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may read."""
        return object_list

    def read_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return whether the user may read the object."""
        return True

    def create_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may create."""
        return object_list

    def create_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return whether the user may create the object."""
        return True

    def update_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may change."""
        return object_list

    def update_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return whether the user may change the object."""
        return True

    def delete_list(self, object_list: Any, bundle: Bundle) -> Any:
        """Return the objects that the user may delete."""
        return object_list

    def delete_detail(self, object_list: Any, bundle: Bundle) -> bool:
        """Return whether the user may delete the object."""
        return True


class ReadOnlyAuthorization(Authorization):
    """Allows reading only."""

    def create_list(self, object_list: Any, bundle: Bundle) -> Any:
        return []

    def create_detail(self, object_list: Any, bundle: Bundle) -> bool:
        raise Unauthorized(gettext("You are not allowed to create that resource."))

    def update_list(self, object_list: Any, bundle: Bundle) -> Any:
        return []

    def update_detail(self, object_list: Any, bundle: Bundle) -> bool:
        raise Unauthorized(gettext("You are not allowed to change that resource."))

    def delete_list(self, object_list: Any, bundle: Bundle) -> Any:
        raise Unauthorized(gettext("You are not allowed to delete that resource."))

    def delete_detail(self, object_list: Any, bundle: Bundle) -> bool:
        raise Unauthorized(gettext("You are not allowed to delete that resource."))


# A permission of Django's, or several; a boolean, for everyone or nobody; or a function
# of the user that returns a boolean.
Permission = str | Sequence[str] | bool | Callable[[Any], bool]


class AskingAuthorization(Authorization):
    """The base of authorizations that decide about actions, not about objects."""

    def ask(self, action: str, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the user is allowed to "read", "create", "update" or "delete".
        Raise Unauthorized if not.
        """
        raise NotImplementedError

    def asked(self, action: str, object_list: Any, bundle: Bundle) -> Any:
        """Return all the objects if the user is allowed to."""
        self.ask(action, object_list, bundle)
        return object_list

    def read_list(self, object_list: Any, bundle: Bundle) -> Any:
        return self.asked("read", object_list, bundle)

    def read_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.ask("read", object_list, bundle)

    def create_list(self, object_list: Any, bundle: Bundle) -> Any:
        return self.asked("create", object_list, bundle)

    def create_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.ask("create", object_list, bundle)

    def update_list(self, object_list: Any, bundle: Bundle) -> Any:
        return self.asked("update", object_list, bundle)

    def update_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.ask("update", object_list, bundle)

    def delete_list(self, object_list: Any, bundle: Bundle) -> Any:
        return self.asked("delete", object_list, bundle)

    def delete_detail(self, object_list: Any, bundle: Bundle) -> bool:
        return self.ask("delete", object_list, bundle)


class PermissionAuthorization(AskingAuthorization):
    """Allows each action to the users with its permission.

        PermissionAuthorization(
            read=True, create="shop.add_order", update=lambda user: user.is_staff
        )

    An action without one is allowed to nobody.
    """

    def __init__(
        self,
        read: Permission = False,
        create: Permission = False,
        update: Permission = False,
        delete: Permission = False,
    ) -> None:
        self.permissions = {
            "read": read, "create": create, "update": update, "delete": delete
        }  # fmt: skip

    def ask(self, action: str, object_list: Any, bundle: Bundle) -> bool:
        wanted = self.permissions[action]
        user = getattr(bundle.request, "user", None)
        if isinstance(wanted, bool):
            allowed = wanted
        elif user is None:
            allowed = False
        elif callable(wanted):
            allowed = bool(wanted(user))
        else:
            names = [wanted] if isinstance(wanted, str) else list(wanted)
            allowed = user.has_perms(names)
        if not allowed:
            raise Unauthorized(
                gettext("You are not allowed to %(action)s that resource.")
                % {"action": action}
            )
        return True


# The permissions that Django makes for each model, by action.
PERMISSIONS = {"create": "add", "update": "change", "delete": "delete"}


class DjangoAuthorization(AskingAuthorization):
    """Allows what Django's permissions allow.

    `read_permission` is the permission that reading requires; None for none. As in the
    admin, who may change objects may view them.
    """

    # The default of `read_permission`, which a subclass may set.
    READ_PERM_CODE: str | None = "view"

    def __init__(self, read_permission: str | None = "") -> None:
        given = read_permission != ""
        self.read_permission = read_permission if given else self.READ_PERM_CODE

    def check(self, action: str | None, object_list: Any, bundle: Bundle) -> bool:
        """Return True if the user has the permission for an action. Raise Unauthorized
        if not.
        """
        if action is None:
            return True
        model = getattr(object_list, "model", None) or type(bundle.obj)
        if not hasattr(model, "_meta"):
            raise Unauthorized(gettext("Only objects of models have permissions."))
        options = model._meta
        granting = ["view", "change"] if action == "view" else [action]
        names = [get_permission_codename(name, options) for name in granting]
        user = getattr(bundle.request, "user", None)
        if user is None or not any(
            user.has_perm(f"{options.app_label}.{name}") for name in names
        ):
            raise Unauthorized(
                gettext("You are not allowed to %(action)s that resource.")
                % {"action": action}
            )
        return True

    def ask(self, action: str, object_list: Any, bundle: Bundle) -> bool:
        permission = self.read_permission if action == "read" else PERMISSIONS[action]
        return self.check(permission, object_list, bundle)
