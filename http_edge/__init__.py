"""What both faces need of HTTP: problems, bodies, headers, the protocol and the request's context."""
