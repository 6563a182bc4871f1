// Values of all tokens of a batch in the CPU's memory.

/// Single-precision values, row-major `[tokens, channels]`: value `(t, c)` is at `t * channels + c`.
///
/// A value type: copies share memory until one of them is changed.
public struct CPUActivation: Sendable {
    /// T: rows.
    public let tokens: Int
    /// Values in a row.
    public let channels: Int
    private var buffer: FloatBuffer

    /// Number of values.
    var count: Int { tokens * channels }

    /// Makes values of a fresh buffer that `initialize` fills completely.
    init(
        tokens: Int, channels: Int, pool: BufferPool, initialize: (UnsafeMutablePointer<Float>) throws -> Void
    ) rethrows {
        precondition(tokens >= 0 && channels > 0, "an activation needs channels")
        self.tokens = tokens
        self.channels = channels
        buffer = pool.buffer(count: tokens * channels)
        try unsafe initialize(buffer.start)
    }

    /// Calls `body` with the values; the pointer must not outlive the call.
    func withValues<Result>(_ body: (UnsafePointer<Float>) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(buffer) {} }
        return try unsafe body(UnsafePointer(buffer.start))
    }

    /// Calls `body` with the values, to be changed; they are copied first where another activation shares them.
    mutating func withMutableValues<Result>(_ body: (UnsafeMutablePointer<Float>) throws -> Result) rethrows -> Result {
        if !isKnownUniquelyReferenced(&buffer) { buffer = buffer.copy(count: count) }
        defer { withExtendedLifetime(buffer) {} }
        return try unsafe body(buffer.start)
    }
}
