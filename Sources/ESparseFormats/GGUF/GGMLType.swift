// The tensor types of GGUF: how many values a block holds and how many bytes it takes.

import ESparseCore

/// A tensor type of GGUF that is read here. Raw values are the numbers in the file.
public enum GGMLType: UInt32, Sendable, CaseIterable {
    case f32 = 0
    case f16 = 1
    case q4Zero = 2
    case q4One = 3
    case q5Zero = 6
    case q5One = 7
    case q8Zero = 8
    case q2K = 10
    case q3K = 11
    case q4K = 12
    case q5K = 13
    case q6K = 14
    case iq4NonLinear = 20
    case iq4Small = 23
    case bf16 = 30

    /// Consecutive values of a row that are stored together.
    public var blockSize: Int {
        switch self {
        case .f32, .f16, .bf16: 1
        case .q4Zero, .q4One, .q5Zero, .q5One, .q8Zero, .iq4NonLinear: 32
        case .q2K, .q3K, .q4K, .q5K, .q6K, .iq4Small: 256
        }
    }

    /// Bytes of a block.
    public var blockByteCount: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .q4Zero, .iq4NonLinear: 18
        case .q4One: 20
        case .q5Zero: 22
        case .q5One: 24
        case .q8Zero: 34
        case .q2K: 84
        case .q3K: 110
        case .q4K: 144
        case .q5K: 176
        case .q6K: 210
        case .iq4Small: 136
        }
    }

    /// The element type of values that are stored as they are, or nil for quantised ones.
    var plainType: ElementType? {
        switch self {
        case .f32: .float32
        case .f16: .float16
        case .bf16: .bfloat16
        case .q4Zero, .q4One, .q5Zero, .q5One, .q8Zero, .iq4NonLinear, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4Small: nil
        }
    }

    /// The name ggml gives the type of this number.
    public static func name(of number: UInt32) -> String {
        names[number] ?? "number \(number)"
    }

    private static let names: [UInt32: String] = [
        0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
        12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
        20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
        29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]
}
