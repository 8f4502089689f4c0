"""What both faces need of HTTP, without an application."""
