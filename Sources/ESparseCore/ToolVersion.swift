// The version that the command prints and that checkpoints name.

/// Version of this tool.
public let toolVersion = "0.1.0"
