"""What tests of Rebond, and of things built on it, need. The product never imports this."""
