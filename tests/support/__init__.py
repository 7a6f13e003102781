"""What the tests share: models as text, adapters that record or break, a stand-in for S3."""
