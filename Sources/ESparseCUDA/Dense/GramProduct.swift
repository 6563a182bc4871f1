// Adds the products of every two channels of an input to running sums: the second-order statistics of calibration.

import CESparseCUDA

/// The sums of products of channels, `G += X^T X`: X `[tokens, channels]`, G `[channels, channels]` in single precision, row-major.
package struct GramProductShape: Sendable, Hashable, CustomStringConvertible {
    /// T: rows of X.
    package let tokens: Int
    /// C: columns of X.
    package let channels: Int
    /// Type of X; products of 16-bit numbers are exact in single precision.
    package let operand: ProductOperand

    /// Describes sums of products.
    package init(tokens: Int, channels: Int, operand: ProductOperand) {
        precondition(tokens > 0 && channels > 0)
        self.tokens = tokens
        self.channels = channels
        self.operand = operand
    }

    /// "sums of products of 4096 channels over 2048 tokens in bfloat16"
    package var description: String {
        "sums of products of \(channels) channels over \(tokens) tokens in \(operand.name)"
    }

    /// Row-major X is its own transpose in column-major: `G = X^T (X^T)^T`, which is symmetric.
    package var layout: ProductLayout {
        let input = MatrixLayout(number: operand.number, rows: channels, columns: tokens, stride: channels)
        return ProductLayout(
            name: description, transposesFirst: false, transposesSecond: true, first: input, second: input,
            output: MatrixLayout(
                number: Int32(esparse_cuda_float32), rows: channels, columns: channels, stride: channels),
            hasBias: false)
    }
}

/// A prepared `G += X^T X` of one shape.
///
/// X of 16 bits is multiplied exactly and summed in single precision on tensor cores; X in single precision is multiplied and summed in
/// single precision, because cuBLASLt takes TF32 only where its compute type asks for it.
@safe package final class GramProduct: Sendable {
    /// What it computes.
    package let shape: GramProductShape

    private let multiplier: DenseMultiplier
    private let descriptors: DenseDescriptors
    /// The one that cuBLASLt thinks fastest.
    private let candidate: esparse_blas_candidate

    /// - Throws: `CUDAError`, `productUnsupported` where cuBLASLt proposes no algorithm.
    package init(_ shape: GramProductShape, multiplier: DenseMultiplier) throws(CUDAError) {
        try multiplier.device.makeCurrent()
        descriptors = try DenseDescriptors(shape.layout, multiplier.library)
        guard let candidate = try descriptors.candidates(multiplier).first else {
            throw .productUnsupported(.dense, product: shape.description)
        }
        self.candidate = candidate
        self.shape = shape
        self.multiplier = multiplier
    }

    /// Adds the products of X `[tokens, channels]` to `sums` `[channels, channels]`, f32, in the stream's order. Addresses must be
    /// multiples of 16 bytes.
    ///
    /// - Throws: `CUDAError.callFailed`.
    package func run(input: DeviceSlice, sums: DeviceSlice) throws(CUDAError) {
        precondition(
            input.byteCount >= shape.tokens * shape.channels * shape.operand.byteCount, "the input is too small")
        precondition(sums.byteCount >= 4 * shape.channels * shape.channels, "the sums are too small")
        try descriptors.run(
            on: multiplier, candidate, first: input, second: input, output: sums, accumulates: true)
    }
}
