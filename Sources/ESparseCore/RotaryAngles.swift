// The angles of rotary positions; every backend keeps them in a table of its own layout.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Contents and size of a table of rotary positions (RoFormer, arXiv 2104.09864, section 3.2.2).
package enum RotaryAngles {
    /// Cosine and sine of `position * frequency` radians, computed in double precision.
    package static func cosineAndSine(position: Int, frequency: Float) -> (cosine: Float, sine: Float) {
        let angle = Double(position) * Double(frequency)
        return (Float(cos(angle)), Float(sin(angle)))
    }

    /// Positions that a table should hold when `count` are asked for: a power of 2, at least 256, so that it seldom grows.
    package static func capacity(for count: Int) -> Int {
        var capacity = 256
        while capacity < count { capacity *= 2 }
        return capacity
    }
}
