"""The admin's pages of customers with their orders, and of orders."""

from django.contrib import admin

from .models import Customer, Order


class OrderInline(admin.StackedInline):
    model = Order
    extra = 0


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    inlines = [OrderInline]


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    search_fields = ["tags", "lines__name"]
