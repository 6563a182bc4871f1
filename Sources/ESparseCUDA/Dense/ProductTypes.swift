// What products on a device multiply in and what they write.

import CESparseCUDA

/// The 16-bit type that a product's weight and input have; the raw value is what kernels of the type are called.
package enum HalfType: String, Sendable, Hashable, CaseIterable, Codable {
    /// 8 exponent and 7 fraction bits.
    case bfloat16
    /// IEEE 754 half.
    case float16

    /// `cudaDataType`.
    var number: Int32 {
        switch self {
        case .bfloat16: Int32(esparse_cuda_bfloat16)
        case .float16: Int32(esparse_cuda_float16)
        }
    }
}

/// What a dense product writes.
package enum ProductOutput: Sendable, Hashable {
    /// The type of weight and input, rounded once from the single-precision sum.
    case half
    /// Single precision.
    case float32
}

/// A dense product `y = x W^T` of one shape: x `[tokens, columns]`, W `[rows, columns]`, y `[tokens, rows]`, all
/// row-major.
package struct DenseProductShape: Sendable, Hashable, CustomStringConvertible {
    /// T: rows of x and y.
    package let tokens: Int
    /// R: rows of W.
    package let rows: Int
    /// C: columns of x and W.
    package let columns: Int
    /// Type of x and W.
    package let type: HalfType
    /// Type of y.
    package let output: ProductOutput
    /// Whether a bias `[rows]` of y's type is added.
    package let hasBias: Bool
    /// Elements from one row of y to the next; `rows` but where y is part of a wider matrix.
    package let outputStride: Int

    /// Describes a product.
    package init(
        tokens: Int, rows: Int, columns: Int, type: HalfType, output: ProductOutput, hasBias: Bool = false,
        outputStride: Int? = nil
    ) {
        precondition(tokens > 0 && rows > 0 && columns > 0 && (outputStride ?? rows) >= rows)
        self.tokens = tokens
        self.rows = rows
        self.columns = columns
        self.type = type
        self.output = output
        self.hasBias = hasBias
        self.outputStride = outputStride ?? rows
    }

    /// "a product of 8 tokens with a 4096x4096 weight in bfloat16"
    package var description: String {
        "a product of \(tokens) \(tokens == 1 ? "token" : "tokens") with a \(rows)x\(columns) weight in \(type.rawValue)"
    }

    /// Bytes of an element of y.
    var outputElementBytes: Int { output == .half ? 2 : 4 }
    /// Bytes from the first to the last element of y.
    var outputBytes: Int { ((tokens - 1) * outputStride + rows) * outputElementBytes }
    /// `cudaDataType` of y.
    var outputNumber: Int32 { output == .half ? type.number : Int32(esparse_cuda_float32) }
}
