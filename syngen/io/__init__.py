"""Everything outside of this process: files, locks, the cache folder, object stores, HTTP."""
