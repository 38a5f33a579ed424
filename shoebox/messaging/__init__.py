"""Notifications of oslo.messaging into archives: in a service itself, and from a message bus."""
