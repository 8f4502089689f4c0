"""The MCP server: tools for agents over the core. A tool is a signature and one call."""
