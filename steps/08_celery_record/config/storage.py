"""Where finished exports are kept: a folder, or a bucket that several machines share."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def export_storage(url, folder):
    """An entry of Django's STORAGES. Without a URL the files are in `folder`; s3://bucket/prefix is for many machines.

    Address and keys of an S3 server come from boto's own variables: AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, …
    """
    if not url:
        options = {"location": folder, "file_permissions_mode": 0o600}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise ImproperlyConfigured("STORAGE_URL must look like s3://bucket or s3://bucket/prefix.")
    options = {"bucket_name": parts.netloc, "location": parts.path.strip("/"), "max_memory_size": 5_000_000}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
