"""From a configuration to live objects: the one place that knows both."""
