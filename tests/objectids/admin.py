"""The admin's pages of models with ObjectId keys."""

from django.contrib import admin

from .models import Item, Shelf


class ItemInline(admin.TabularInline):
    model = Item
    fields = ["name"]
    extra = 1


@admin.register(Shelf)
class ShelfAdmin(admin.ModelAdmin):
    inlines = [ItemInline]
    search_fields = ["name"]


@admin.register(Item)
class ItemAdmin(admin.ModelAdmin):
    list_display = ["name", "shelf"]
    list_filter = ["shelf"]
    filter_horizontal = ["labels"]
    autocomplete_fields = ["shelf"]
