"""What tests are built from: contract suites, stores that fail on purpose, a clock that is turned by hand."""
