"""The admin, and a page whose path holds an ObjectId."""

from django.contrib import admin
from django.http import JsonResponse
from django.urls import path, register_converter

from nonrel_backend.mongodb.converters import ObjectIdConverter, ObjectIdJSONEncoder

register_converter(ObjectIdConverter, "objectid")


def shelf(request, key):
    return JsonResponse({"key": key}, encoder=ObjectIdJSONEncoder)


urlpatterns = [
    path("admin/", admin.site.urls),
    path("shelf/<objectid:key>/", shelf, name="shelf"),
]
