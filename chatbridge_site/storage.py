"""Static files under names that carry their hash, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFilesStorage(CompressedManifestStaticFilesStorage):
    # Without this an ES module keeps importing its neighbours by plain names: the old ones, from the cache.
    support_js_module_import_aggregation = True
