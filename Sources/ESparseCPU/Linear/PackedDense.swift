// A dense linear by oneDNN with its weights in oneDNN's own order: what sparse linears are measured against.

internal import CESparseCPU
internal import CESparseDNNL
package import ESparseCore

/// A dense linear for one fixed input, its weights reordered once (memory format `any`), in several copies.
///
/// Benchmarks measure against it; models do not run it, because packed weights would double their memory. The input is
/// converted once, outside the timing, and a call only writes the output: no bias, nothing added. A benchmark that takes
/// another copy each time reads its weights from memory and not from a cache.
@safe package final class PackedDense: @unchecked Sendable {
    /// Output rows that one call computes.
    @safe private struct Piece {
        let product: OpaquePointer
        let firstRow: Int
        /// Where the piece's weights start in a copy.
        let offset: Int
        let byteCount: Int
    }

    private static let alignment = 4096

    private let pieces: [Piece]
    private let input: ByteStorage
    private let weights: UnsafeMutableRawPointer
    private let result: UnsafeMutablePointer<Float>
    private let resultCount: Int
    private let copyBytes: Int
    private let pool: ThreadPool

    /// The data type of its products.
    package let arithmetic: DenseArithmetic
    /// How many copies of the weights there are.
    package let copyCount: Int

    /// Packs weights `[R, C]` for an input `[tokens, C]`; nil where oneDNN has no such product on this processor.
    ///
    /// - Parameters:
    ///   - weight: BF16 or F32; both are multiplied as `arithmetic` says.
    ///   - input: row-major singles, rounded to bf16 for `.bfloat16`.
    ///   - pieceCount: calls of one product, shared by the threads of `pool`.
    ///   - copyCount: copies of the packed weights, at least 1.
    /// - Throws: `TensorError` when a weight is not floating point.
    package init?(
        weight: Tensor, input: [Float], arithmetic: DenseArithmetic, pieceCount: Int, copyCount: Int, pool: ThreadPool
    ) throws {
        precondition(copyCount > 0 && pieceCount > 0 && weight.columns > 0 && input.count % weight.columns == 0)
        let (rows, columns, tokens) = (weight.rows, weight.columns, input.count / weight.columns)
        let isBFloat16 = arithmetic == .bfloat16
        let plain = try weight.converted(to: isBFloat16 ? .bfloat16 : .float32)
        self.input = try Tensor(input, shape: [tokens, columns]).converted(to: isBFloat16 ? .bfloat16 : .float32)
            .storage
        self.arithmetic = arithmetic
        self.copyCount = copyCount
        self.pool = pool
        let step = LinearPlan.roundUp((rows + pieceCount - 1) / pieceCount, to: 16)
        var pieces: [Piece] = []
        var offset = 0
        for first in stride(from: 0, to: rows, by: step) {
            var shape = esparse_dnnl_shape(
                tokens: Int64(tokens), rows: Int64(min(step, rows - first)), columns: Int64(columns),
                input_stride: Int64(columns), weight_stride: Int64(columns), output_stride: Int64(rows),
                is_bfloat16: isBFloat16 ? 1 : 0, has_bias: 0, accumulates: 0, packs_weights: 1)
            guard let product = unsafe esparse_dnnl_matmul_create(&shape) else {
                for piece in pieces { unsafe esparse_dnnl_matmul_destroy(piece.product) }
                return nil
            }
            let byteCount = unsafe esparse_dnnl_matmul_weight_bytes(product)
            unsafe pieces.append(Piece(product: product, firstRow: first, offset: offset, byteCount: byteCount))
            offset += LinearPlan.roundUp(byteCount, to: Self.alignment)
        }
        self.pieces = pieces
        copyBytes = offset
        unsafe weights = .allocate(byteCount: max(offset * copyCount, 1), alignment: Self.alignment)
        resultCount = tokens * rows
        unsafe result = .allocate(capacity: max(resultCount, 1))
        unsafe result.initialize(repeating: 0, count: max(resultCount, 1))
        pack(plain)
    }

    deinit {
        for piece in pieces { unsafe esparse_dnnl_matmul_destroy(piece.product) }
        unsafe weights.deallocate()
        unsafe result.deallocate()
    }

    private func pack(_ plain: Tensor) {
        pool.run(count: pieces.count) { index in
            let piece = pieces[index]
            unsafe plain.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                let source = unsafe start + piece.firstRow * plain.columns * plain.elementType.byteCount
                let code = unsafe esparse_dnnl_matmul_pack(piece.product, source, weights + piece.offset)
                precondition(code == 0, "oneDNN failed to reorder weights (code \(code))")
            }
            for copy in 1..<max(copyCount, 1) {
                unsafe (weights + copy * copyBytes + piece.offset).copyMemory(
                    from: weights + piece.offset, byteCount: piece.byteCount)
            }
        }
    }

    /// Computes the product from one copy of the weights, in `[0, copyCount)`.
    package func run(copy: Int) {
        precondition(copy >= 0 && copy < copyCount)
        pool.run(count: pieces.count) { index in
            let piece = pieces[index]
            let scratch = unsafe ScratchSlot.kernel.memory(
                byteCount: esparse_dnnl_matmul_scratch_bytes(piece.product))
            unsafe input.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                let code = unsafe esparse_dnnl_matmul_run(
                    piece.product, start, weights + copy * copyBytes + piece.offset, nil, result + piece.firstRow,
                    scratch)
                precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
            }
        }
    }

    /// The output `[tokens, R]` of the last run.
    package var output: [Float] {
        unsafe Array(UnsafeBufferPointer(start: result, count: resultCount))
    }
}
