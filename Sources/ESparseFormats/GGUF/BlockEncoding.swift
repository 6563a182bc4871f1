// Rounds weights to the types that GGUF files are written in, as ggml's reference does.

import ESparseCore

/// A type that tensors of a GGUF file are written in.
public enum GGUFWrittenType: Sendable, CaseIterable {
    case f32
    case bf16
    case f16
    case q8Zero

    /// ggml's type.
    package var type: GGMLType {
        switch self {
        case .f32: .f32
        case .bf16: .bf16
        case .f16: .f16
        case .q8Zero: .q8Zero
        }
    }

    /// llama.cpp's number for a file whose matrices are of this type (`general.file_type`).
    package var fileType: Int {
        switch self {
        case .f32: 0
        case .f16: 1
        case .q8Zero: 7
        case .bf16: 32
        }
    }
}

/// Rounding of singles to the types of GGUF.
package enum BlockEncoding {
    /// Appends values, a multiple of the type's block, as `type`. Returns the index of the first value that the type cannot
    /// hold, and then appends something else for it; nil where it holds all.
    ///
    /// F32 is copied, F16 and BF16 are rounded to nearest, ties to even. Q8_0, 32 values a block: `d = max |x| / 127`, stored
    /// in half precision, then `q = x / d` with the unrounded d, rounded to nearest, halves away from zero.
    package static func encode(_ values: [Float], as type: GGUFWrittenType, into output: inout [UInt8]) -> Int? {
        switch type {
        case .f32:
            for value in values { append(value.bitPattern, to: &output) }
            return values.firstIndex { !$0.isFinite }
        case .bf16:
            for value in values { append(BFloat16(value).bitPattern, to: &output) }
            return values.firstIndex { !BFloat16($0).float.isFinite }
        case .f16:
            for value in values { append(Float16(value).bitPattern, to: &output) }
            return values.firstIndex { !Float16($0).isFinite }
        case .q8Zero: return q8Zero(values, into: &output)
        }
    }

    private static func q8Zero(_ values: [Float], into output: inout [UInt8]) -> Int? {
        precondition(values.count % 32 == 0)
        for start in stride(from: 0, to: values.count, by: 32) {
            let block = values[start..<start + 32]
            if let index = block.firstIndex(where: { !$0.isFinite }) { return index }
            let largest = block.reduce(0) { max($0, $1.magnitude) }
            let scale = largest / 127
            guard Float16(scale).isFinite else { return block.firstIndex { $0.magnitude == largest } }
            append(Float16(scale).bitPattern, to: &output)
            // Of a block of zeros, or of numbers so small that half precision knows no such scale, nothing is left.
            let inverse = 1 / scale
            for value in block {
                let rounded = inverse.isFinite ? (value * inverse).rounded(.toNearestOrAwayFromZero) : 0
                output.append(UInt8(bitPattern: Int8(max(-127, min(127, rounded)))))
            }
        }
        return nil
    }

    private static func append<Bits: FixedWidthInteger>(_ bits: Bits, to output: inout [UInt8]) {
        for shift in stride(from: 0, to: Bits.bitWidth, by: 8) {
            output.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }
}
