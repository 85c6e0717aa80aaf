"""HTTP for downloads: connections, responses that are not trusted, limits of time."""
