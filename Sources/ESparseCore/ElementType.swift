// The types a tensor's elements can have in a checkpoint, and the bfloat16 number.

/// The type of a tensor's elements; raw values are the names safetensors uses.
public enum ElementType: String, Sendable, CaseIterable, Codable {
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case uint8 = "U8"
    case int32 = "I32"
    case int64 = "I64"

    /// Size of one element in bytes.
    public var byteCount: Int {
        switch self {
        case .uint8: 1
        case .float16, .bfloat16: 2
        case .float32, .int32: 4
        case .int64: 8
        }
    }

    /// Whether elements are floating-point numbers, as weights must be.
    public var isFloatingPoint: Bool {
        switch self {
        case .float32, .float16, .bfloat16: true
        case .uint8, .int32, .int64: false
        }
    }
}

/// The upper half of an IEEE 754 single: 1 sign, 8 exponent and 7 fraction bits.
public struct BFloat16: Sendable, Equatable {
    /// The 16 bits.
    public var bitPattern: UInt16

    /// Makes a number from its bits.
    @inlinable
    public init(bitPattern: UInt16) {
        self.bitPattern = bitPattern
    }

    /// Rounds to nearest, ties to even; NaN stays a (quiet) NaN.
    @inlinable
    public init(_ value: Float) {
        let bits = value.bitPattern
        let rounded = bits &+ 0x7FFF &+ ((bits >> 16) & 1)
        let isNaN = bits & 0x7FFF_FFFF > 0x7F80_0000
        bitPattern = UInt16(truncatingIfNeeded: (isNaN ? bits | 0x40_0000 : rounded) >> 16)
    }

    /// The same number as a single, exactly.
    @inlinable
    public var float: Float {
        Float(bitPattern: UInt32(bitPattern) << 16)
    }
}

/// Half-precision conversion by bit arithmetic, which vectorises where `Float16.init` calls a library routine.
package enum Half {
    /// The single-precision value of the IEEE 754 half with these bits, exactly.
    @inlinable
    package static func float(_ bits: UInt16) -> Float {
        let magnitude = UInt32(bits & 0x7FFF) << 13
        let sign = UInt32(bits & 0x8000) << 16
        // Scaling by 2^112 moves the exponent's bias from 15 to 127 and normalises subnormals on the way.
        let scaled = (Float(bitPattern: magnitude) * Float(bitPattern: 0x7780_0000)).bitPattern
        let special = UInt32(bits & 0x7C00) == 0x7C00 ? UInt32(0x7F80_0000) : 0
        return Float(bitPattern: sign | scaled | special)
    }
}
