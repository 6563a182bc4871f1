// Operand and output types of products on a device, and their shapes.

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

/// The type of a product's operands.
package enum ProductOperand: Sendable, Hashable {
    /// 16 bits; sums are single precision.
    case half(HalfType)
    /// Single precision, multiplied and added in single precision: never rounded to TF32.
    case float32

    /// `cudaDataType`.
    var number: Int32 {
        switch self {
        case .half(let type): type.number
        case .float32: Int32(esparse_cuda_float32)
        }
    }

    /// Bytes of an element.
    var byteCount: Int { self == .float32 ? 4 : 2 }

    /// "bfloat16", "float16" or "float32"
    var name: String {
        switch self {
        case .half(let type): type.rawValue
        case .float32: "float32"
        }
    }
}

/// The type that a dense product writes.
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
    package let operand: ProductOperand
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
        self.init(
            tokens: tokens, rows: rows, columns: columns, operand: .half(type), output: output, hasBias: hasBias,
            outputStride: outputStride)
    }

    /// Describes a product in single precision throughout.
    package init(tokens: Int, rows: Int, columns: Int) {
        self.init(
            tokens: tokens, rows: rows, columns: columns, operand: .float32, output: .float32, hasBias: false,
            outputStride: nil)
    }

    private init(
        tokens: Int, rows: Int, columns: Int, operand: ProductOperand, output: ProductOutput, hasBias: Bool,
        outputStride: Int?
    ) {
        precondition(tokens > 0 && rows > 0 && columns > 0 && (outputStride ?? rows) >= rows)
        self.tokens = tokens
        self.rows = rows
        self.columns = columns
        self.operand = operand
        self.output = output
        self.hasBias = hasBias
        self.outputStride = outputStride ?? rows
    }

    /// "a product of 8 tokens with a 4096x4096 weight in bfloat16"
    package var description: String {
        "a product of \(tokens) \(tokens == 1 ? "token" : "tokens") with a \(rows)x\(columns) weight in \(operand.name)"
    }

    /// Bytes of an element of y.
    var outputElementBytes: Int { output == .half ? 2 : 4 }
    /// Bytes from the first to the last element of y.
    var outputBytes: Int { ((tokens - 1) * outputStride + rows) * outputElementBytes }
    /// `cudaDataType` of y.
    var outputNumber: Int32 { output == .half ? operand.number : Int32(esparse_cuda_float32) }

    /// cuBLASLt counts in column-major matrices, where row-major x, W and y are their own transposes; so it is asked for
    /// `y^T = W x^T`, with the stored W transposed once.
    package var layout: ProductLayout {
        ProductLayout(
            name: description, transposesFirst: true, transposesSecond: false,
            first: MatrixLayout(number: operand.number, rows: columns, columns: rows, stride: columns),
            second: MatrixLayout(number: operand.number, rows: columns, columns: tokens, stride: columns),
            output: MatrixLayout(number: outputNumber, rows: rows, columns: tokens, stride: outputStride),
            hasBias: hasBias)
    }
}
