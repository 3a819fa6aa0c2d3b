"""What a command line may say: verbs, options, help."""
