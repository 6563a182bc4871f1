// How cuBLASLt is told of a product: its descriptor, the layouts of its matrices, and what it proposes for them.

import CESparseCUDA

/// cuBLASLt's descriptions of one product; dropping them frees them. Not changed after `init`, but for the bias's
/// address.
@safe package final class DenseDescriptors: @unchecked Sendable {
    private let library: CUDADenseLibrary
    private(set) var product: esparse_blas_product?
    /// W, row-major `[rows, columns]`, as column-major `[columns, rows]`.
    private(set) var weight: esparse_blas_layout?
    /// x, row-major `[tokens, columns]`, as column-major `[columns, tokens]`.
    private(set) var input: esparse_blas_layout?
    /// y, row-major `[tokens, rows]`, as column-major `[rows, tokens]`.
    private(set) var output: esparse_blas_layout?

    /// Describes a product; a device's context must be current.
    ///
    /// - Throws: `CUDAError.callFailed`; nothing stays behind then.
    package init(_ shape: DenseProductShape, _ library: CUDADenseLibrary) throws(CUDAError) {
        self.library = library
        let functions = library.functions
        try library.check(
            unsafe functions.productCreate(
                &product, Int32(esparse_blas_compute_float32), Int32(esparse_cuda_float32)),
            "describe \(shape)")
        try set(Int32(esparse_blas_transpose), at: Int32(esparse_blas_product_transpose_a))
        if shape.hasBias {
            try set(UInt32(esparse_blas_epilogue_bias), at: Int32(esparse_blas_product_epilogue))
        }
        try library.check(
            unsafe functions.layoutCreate(
                &weight, shape.type.number, UInt64(shape.columns), UInt64(shape.rows), Int64(shape.columns)),
            "describe the weight of \(shape)")
        try library.check(
            unsafe functions.layoutCreate(
                &input, shape.type.number, UInt64(shape.columns), UInt64(shape.tokens), Int64(shape.columns)),
            "describe the input of \(shape)")
        try library.check(
            unsafe functions.layoutCreate(
                &output, shape.outputNumber, UInt64(shape.rows), UInt64(shape.tokens), Int64(shape.outputStride)),
            "describe the output of \(shape)")
    }

    deinit {
        if unsafe output != nil { _ = unsafe library.functions.layoutDestroy(output) }
        if unsafe input != nil { _ = unsafe library.functions.layoutDestroy(input) }
        if unsafe weight != nil { _ = unsafe library.functions.layoutDestroy(weight) }
        if unsafe product != nil { _ = unsafe library.functions.productDestroy(product) }
    }

    /// Sets the bias's address for the products that are put on the stream next.
    package func setBias(_ address: UInt64) throws(CUDAError) {
        try set(address, at: Int32(esparse_blas_product_bias_pointer))
    }

    private func set<Value: BitwiseCopyable>(_ value: Value, at attribute: Int32) throws(CUDAError) {
        var value = value
        try library.check(
            unsafe library.functions.productSetAttribute(product, attribute, &value, MemoryLayout<Value>.size),
            "set attribute \(attribute) of a product")
    }

    /// Algorithms for the product, the one that cuBLASLt thinks fastest first.
    ///
    /// - Throws: `CUDAError.callFailed`.
    func candidates(
        _ multiplier: DenseMultiplier, for shape: DenseProductShape
    ) throws(CUDAError) -> [esparse_blas_candidate] {
        let functions = library.functions
        var preference: esparse_blas_preference?
        try library.check(unsafe functions.preferenceCreate(&preference), "make a preference")
        defer { _ = unsafe functions.preferenceDestroy(preference) }
        var workspace = DenseMultiplier.workspaceBytes
        try library.check(
            unsafe functions.preferenceSetAttribute(
                preference, Int32(esparse_blas_preference_workspace_bytes), &workspace, MemoryLayout<Int>.size),
            "set a preference")
        // Slices of buffers start at any multiple of 16 bytes, where cuBLASLt would assume 256.
        var alignment = UInt32(DenseProduct.alignment)
        for matrix in 0..<Int32(4) {
            try library.check(
                unsafe functions.preferenceSetAttribute(
                    preference, Int32(esparse_blas_preference_alignment_a) + matrix, &alignment,
                    MemoryLayout<UInt32>.size),
                "set a preference")
        }
        var found: Int32 = 0
        var candidates = [esparse_blas_candidate](
            repeating: esparse_blas_candidate(), count: DenseProduct.requestedCount)
        let code = unsafe functions.getHeuristic(
            multiplier.handle, product, weight, input, output, output, preference, Int32(candidates.count),
            &candidates, &found)
        // It says so in this way, too, where it has none.
        if code == Int32(esparse_blas_not_supported) { return [] }
        try library.check(code, "find algorithms for \(shape)")
        return candidates.prefix(Int(max(found, 0))).filter { $0.status == 0 }
    }
}
