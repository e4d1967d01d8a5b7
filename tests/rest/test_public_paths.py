"""The dotted paths that projects import from."""

import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import pytest

DOCS = Path(__file__).parent.parent.parent / "docs"
# The names of tastypie's modules, and what a project imports from each.
TASTYPIE = {
    "api": "Api NamespacedApi",
    "authentication": "Authentication ApiKeyAuthentication BasicAuthentication "
    "MultiAuthentication SessionAuthentication",
    "authorization": "Authorization DjangoAuthorization PermissionAuthorization "
    "ReadOnlyAuthorization",
    "bundle": "Bundle",
    "cache": "NoCache SimpleCache",
    "constants": "ALL ALL_WITH_RELATIONS",
    "exceptions": "ApiFieldError BadRequest HydrationError ImmediateHttpResponse "
    "InvalidFilterError InvalidSortError NotFound NotRegistered TastypieError "
    "Unauthorized UnsupportedFormat",
    "fields": "ApiField BooleanField CharField DateField DateTimeField DecimalField "
    "DictField FileField FloatField ForeignKey IntegerField ListField ManyToManyField "
    "NOT_PROVIDED OneToManyField OneToOneField RelatedField TimeField ToManyField "
    "ToOneField",
    "http": "HttpAccepted HttpApplicationError HttpBadRequest HttpConflict HttpCreated "
    "HttpForbidden HttpGone HttpMethodNotAllowed HttpMultipleChoices HttpNoContent "
    "HttpNotFound HttpNotImplemented HttpNotModified HttpSeeOther HttpTooManyRequests "
    "HttpUnauthorized",
    "models": "ApiAccess ApiKey create_api_key",
    "paginator": "Paginator",
    "resources": "ALL ALL_WITH_RELATIONS BaseModelResource DeclarativeMetaclass "
    "ModelDeclarativeMetaclass ModelResource Resource ResourceOptions "
    "NamespacedModelResource csrf_exempt",
    "serializers": "Serializer",
    "throttle": "BaseThrottle CacheDBThrottle CacheThrottle",
    "utils": "aware_date aware_datetime format_date format_datetime format_time "
    "make_aware make_naive mk_datetime now string_to_python trailing_slash",
    "utils.formatting": "format_date format_datetime format_time mk_datetime",
    "utils.mime": "build_content_type determine_format",
    "utils.timezone": "aware_date aware_datetime make_aware make_naive make_naive_utc "
    "now",
    "utils.urls": "trailing_slash",
    "admin": "ApiKeyInline",
    "contrib.jwt": "JWTAuthentication",
    "contrib.contenttypes.fields": "GenericForeignKeyField",
    "contrib.contenttypes.resources": "GenericResource",
    "test": "ResourceTestCase ResourceTestCaseMixin TestApiClient",
    "validation": "CleanedDataFormValidation FormValidation Validation",
}
# Ours, which the docs name.
OURS = {
    "cursors": "CursorPaginator",
    "documents": "DocumentObject DocumentResource Documents",
    "drf": "NonrelModelSerializer",
    "fields": "BinaryField DurationField EmbeddedField JSONField SetField UUIDField",
    "lmdbstore": "LMDBStore",
    "modelfields": "api_field field_class register_field",
    "mongostore": "MongoStore",
    "resources": "DocumentResource",
    "riakstore": "RiakStore",
    "stores": "DictStore DocumentStore ScannedStore",
}
# Optional dependencies.
NEEDS = {
    "contrib.jwt": "jwt",
    "drf": "rest_framework",
    "mongostore": "pymongo",
    "riakstore": "google",
}


@pytest.mark.parametrize(
    ("module", "names"), [*TASTYPIE.items(), *OURS.items()], ids=lambda each: each[:15]
)
def test_public_names_are_at_their_paths(databases, module, names):
    if module in NEEDS:
        pytest.importorskip(NEEDS[module])
    found = import_module(f"nonrel_backend.rest.{module}")
    assert [name for name in names.split() if not hasattr(found, name)] == []


def test_dotted_paths_of_the_docs_exist(databases):
    pages = [page.read_text() for page in sorted(DOCS.glob("*.md"))]
    paths = {
        path
        for page in pages
        for path in re.findall(r"\bnonrel_backend\.rest(?:\.\w+)+", page)
    }
    assert paths
    for path in sorted(paths):
        module = path.removeprefix("nonrel_backend.rest.")
        needed = [NEEDS[name] for name in NEEDS if module.startswith(name)]
        if all(map(find_spec, needed)):
            resolve_name(path)


@pytest.mark.parametrize("module", ["fields", "bundle", "exceptions", "http"])
def test_modules_without_models_load_no_resources(module):
    """Modules without resources do not import them."""
    code = (
        "import django.conf, sys; django.conf.settings.configure();"
        f"import nonrel_backend.rest.{module};"
        "print([name for name in sys.modules if name.startswith(("
        "'nonrel_backend.rest.resource', 'nonrel_backend.rest.modelresource',"
        "'nonrel_backend.fields', 'pymongo', 'lmdb', 'rest_framework'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
