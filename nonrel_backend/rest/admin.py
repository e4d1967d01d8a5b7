"""The admin's pages of API keys: they are created, replaced and deleted."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .models import ApiKey


class ApiKeyInline(admin.StackedInline):
    """Shows on a user's page when the key was made, and deletes it."""

    model = ApiKey
    readonly_fields = ["created"]
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a new key is only shown on the page of API keys


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """A new key is shown on the page that follows, and nowhere else."""

    list_display = ["user", "created"]
    list_select_related = ["user"]
    raw_id_fields = ["user"]
    actions = ["replace_keys"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> list[str]:
        return ["created"] if obj is None else ["user", "created"]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: Any = None
    ) -> HttpResponse:
        return self.keys_page(request, [obj])

    @admin.action(
        description=_("Replace selected API keys by new ones"), permissions=["change"]
    )
    def replace_keys(
        self, request: HttpRequest, queryset: QuerySet[ApiKey]
    ) -> HttpResponse:
        """Give each of these users a new key. The old ones are no longer valid."""
        keys = list(queryset)
        for each in keys:
            each.key, each.created = ApiKey.generate_key(), timezone.now()
            each.save()
            self.log_change(request, each, "Replaced the key.")
        return self.keys_page(request, keys)

    def keys_page(self, request: HttpRequest, keys: Iterable[ApiKey]) -> HttpResponse:
        """Return the page that shows new keys.

        They are not in a message: a message is stored until it is shown.
        """
        context = {
            **self.admin_site.each_context(request),
            "title": self.opts.verbose_name_plural.capitalize(),
            "api_keys": keys,
        }
        return TemplateResponse(request, "nonrel_rest/api_keys.html", context)
