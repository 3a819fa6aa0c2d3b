"""Ways into something: running a command inside a container or a pod, and reading what it writes."""
