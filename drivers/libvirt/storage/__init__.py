"""Storage: pools, the volumes in them, and their bytes. No call here deletes a directory or a volume unasked."""
