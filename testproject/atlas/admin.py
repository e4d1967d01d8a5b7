"""The admin of the atlas."""

from django.contrib import admin

from .models import City, Country, Tag, Traveller, Visit


class VisitInline(admin.TabularInline):
    model = Visit
    autocomplete_fields = ["city"]
    extra = 1


@admin.register(Country)
class CountryAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "continent", "capital", "population"]
    list_filter = ["continent"]
    search_fields = ["name", "code", "capital"]


@admin.register(City)
class CityAdmin(admin.ModelAdmin):
    list_display = ["name", "country", "population", "location", "timezone"]
    list_filter = ["country__continent"]
    list_select_related = ["country"]
    search_fields = ["name", "country__name"]
    autocomplete_fields = ["country"]


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    search_fields = ["name"]


@admin.register(Traveller)
class TravellerAdmin(admin.ModelAdmin):
    list_display = ["name", "home", "born"]
    list_filter = ["tags"]
    list_select_related = ["home"]
    search_fields = ["name", "home__name"]
    autocomplete_fields = ["home"]
    filter_horizontal = ["tags"]
    inlines = [VisitInline]


@admin.register(Visit)
class VisitAdmin(admin.ModelAdmin):
    list_display = ["traveller", "city", "arrived", "nights", "spent"]
    list_select_related = ["traveller", "city"]
    date_hierarchy = "arrived"
    search_fields = ["traveller__name", "city__name"]
    autocomplete_fields = ["traveller", "city"]
