"""One module for each verb, loaded when the verb is called."""
