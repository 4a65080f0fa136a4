"""What a maintainer needs to know of an installation, and whether it works: ``upframe doctor``."""
