"""The process that speaks for the hub itself: all that needs an answer to a request of the hub's own."""
