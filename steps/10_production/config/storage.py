"""Django's setting for the storage of files, from one URL."""

import re

from django.core.exceptions import ImproperlyConfigured


def storage(url):
    """Return an entry of STORAGES: a bucket, or without a URL the folder MEDIA_ROOT.

    The library boto3 reads the server's address and the keys from its own variables, such as AWS_ACCESS_KEY_ID.
    """
    if not url:
        return {"BACKEND": "exports.storage.DurableStorage"}
    match = re.fullmatch(r"s3://([\w.-]+)(/[^?#]*)?", url, re.ASCII)
    if not match:
        raise ImproperlyConfigured("STORAGE_URL must look like s3://bucket or s3://bucket/prefix.")
    from botocore.config import Config

    # By default, a server that doesn't answer would hold a request or a worker for five minutes or more.
    timeouts = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2})  # seconds
    options = {"bucket_name": match[1], "location": (match[2] or "").strip("/"), "max_memory_size": 5_000_000}
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options | {"client_config": timeouts}}
