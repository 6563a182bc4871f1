// oneDNN's matrix products, compiled once per shape and shared by all threads.

internal import CESparseDNNL
import Synchronization

/// A compiled product `output = input * transpose(weights) (+ bias) (+ output)` of one shape.
@safe final class DenseProduct: @unchecked Sendable {
    /// The shape a product is compiled for; strides count elements.
    struct Shape: Hashable {
        var tokens: Int
        var rows: Int
        var columns: Int
        var outputStride: Int
        var isBFloat16: Bool
        var hasBias: Bool
        var accumulates: Bool
    }

    private let matmul: OpaquePointer

    private init(_ shape: Shape) {
        var description = esparse_dnnl_shape(
            tokens: Int64(shape.tokens), rows: Int64(shape.rows), columns: Int64(shape.columns),
            input_stride: Int64(shape.columns), weight_stride: Int64(shape.columns),
            output_stride: Int64(shape.outputStride), is_bfloat16: shape.isBFloat16 ? 1 : 0,
            has_bias: shape.hasBias ? 1 : 0, accumulates: shape.accumulates ? 1 : 0,
            packs_weights: 0)
        guard let matmul = unsafe esparse_dnnl_matmul_create(&description) else {
            preconditionFailure("oneDNN cannot compile a matrix product of shape \(shape)")
        }
        unsafe self.matmul = matmul
    }

    deinit { unsafe esparse_dnnl_matmul_destroy(matmul) }

    /// Runs on the calling thread alone.
    func run(
        input: UnsafeRawPointer, weights: UnsafeRawPointer, bias: UnsafePointer<Float>?,
        output: UnsafeMutablePointer<Float>
    ) {
        let scratch = unsafe ScratchSlot.kernel.memory(byteCount: esparse_dnnl_matmul_scratch_bytes(matmul))
        let code = unsafe esparse_dnnl_matmul_run(matmul, input, weights, bias, output, scratch)
        precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
    }

    /// Prompt lengths differ, so shapes keep coming; beyond this many the cache starts anew.
    private static let cacheLimit = 512
    private static let cache = Mutex<[Shape: DenseProduct]>([:])

    /// The product of a shape, compiled at first use.
    static func shared(_ shape: Shape) -> DenseProduct {
        if let product = cache.withLock({ $0[shape] }) { return product }
        let product = DenseProduct(shape)
        cache.withLock { products in
            if products.count >= cacheLimit { products.removeAll() }
            products[shape] = product
        }
        return product
    }
}
