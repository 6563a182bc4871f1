// Describes a product to cuBLASLt (its descriptor and the layouts of its matrices) and asks it for algorithms.

import CESparseCUDA

/// cuBLASLt's descriptions of one product; dropping them frees them. Not changed after `init`, but for the bias's
/// address.
@safe package final class DenseDescriptors: @unchecked Sendable {
    private let library: CUDADenseLibrary
    private(set) var product: esparse_blas_product?
    private(set) var first: esparse_blas_layout?
    private(set) var second: esparse_blas_layout?
    private(set) var output: esparse_blas_layout?
    private let name: String

    /// Describes a product; a device's context must be current.
    ///
    /// - Throws: `CUDAError.callFailed`; everything is freed then.
    package init(_ layout: ProductLayout, _ library: CUDADenseLibrary) throws(CUDAError) {
        self.library = library
        name = layout.name
        let functions = library.functions
        try library.check(
            unsafe functions.productCreate(
                &product, Int32(esparse_blas_compute_float32), Int32(esparse_cuda_float32)),
            "describe \(name)")
        if layout.transposesFirst {
            try set(Int32(esparse_blas_transpose), at: Int32(esparse_blas_product_transpose_a))
        }
        if layout.transposesSecond {
            try set(Int32(esparse_blas_transpose), at: Int32(esparse_blas_product_transpose_b))
        }
        if layout.hasBias {
            try set(UInt32(esparse_blas_epilogue_bias), at: Int32(esparse_blas_product_epilogue))
        }
        try unsafe make(&first, layout.first, "first operand")
        try unsafe make(&second, layout.second, "second operand")
        try unsafe make(&output, layout.output, "output")
    }

    private func make(
        _ made: inout esparse_blas_layout?, _ layout: MatrixLayout, _ role: String
    ) throws(CUDAError) {
        try library.check(
            unsafe library.functions.layoutCreate(
                &made, layout.number, UInt64(layout.rows), UInt64(layout.columns), Int64(layout.stride)),
            "describe the \(role) of \(name)")
    }

    deinit {
        if unsafe output != nil { _ = unsafe library.functions.layoutDestroy(output) }
        if unsafe second != nil { _ = unsafe library.functions.layoutDestroy(second) }
        if unsafe first != nil { _ = unsafe library.functions.layoutDestroy(first) }
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

    /// The most algorithms to ask for.
    private static let requestedCount = 16

    /// Algorithms for the product, the one that cuBLASLt thinks fastest first.
    ///
    /// - Throws: `CUDAError.callFailed`.
    func candidates(_ multiplier: DenseMultiplier) throws(CUDAError) -> [esparse_blas_candidate] {
        let functions = library.functions
        var preference: esparse_blas_preference?
        try library.check(unsafe functions.preferenceCreate(&preference), "make a preference")
        defer { _ = unsafe functions.preferenceDestroy(preference) }
        var workspace = DenseMultiplier.workspaceBytes
        try library.check(
            unsafe functions.preferenceSetAttribute(
                preference, Int32(esparse_blas_preference_workspace_bytes), &workspace, MemoryLayout<Int>.size),
            "set a preference")
        // Slices of buffers start at any multiple of 16 bytes, but cuBLASLt assumes 256 unless told otherwise.
        var alignment = UInt32(DenseMultiplier.alignment)
        for matrix in 0..<Int32(4) {
            try library.check(
                unsafe functions.preferenceSetAttribute(
                    preference, Int32(esparse_blas_preference_alignment_a) + matrix, &alignment,
                    MemoryLayout<UInt32>.size),
                "set a preference")
        }
        var found: Int32 = 0
        var candidates = [esparse_blas_candidate](
            repeating: esparse_blas_candidate(), count: Self.requestedCount)
        let code = unsafe functions.getHeuristic(
            multiplier.handle, product, first, second, output, output, preference, Int32(candidates.count),
            &candidates, &found)
        // This status also means that it has no algorithm.
        if code == Int32(esparse_blas_not_supported) { return [] }
        try library.check(code, "find algorithms for \(name)")
        return candidates.prefix(Int(max(found, 0))).filter { $0.status == 0 }
    }

    /// Puts the product on the stream by one of its algorithms; what it adds to or writes is `output`. Addresses must be multiples of
    /// 16 bytes.
    ///
    /// - Throws: `CUDAError.callFailed`.
    func run(
        on multiplier: DenseMultiplier, _ candidate: esparse_blas_candidate, first: DeviceSlice, second: DeviceSlice,
        output: DeviceSlice, accumulates: Bool
    ) throws(CUDAError) {
        for slice in [first, second, output] {
            precondition(
                slice.address % UInt64(DenseMultiplier.alignment) == 0, "an address is not a multiple of 16 bytes")
        }
        try multiplier.device.makeCurrent()
        var one: Float = 1
        var kept: Float = accumulates ? 1 : 0
        var algorithm = candidate.algorithm
        try library.check(
            unsafe library.functions.multiply(
                multiplier.handle, product, &one, first.address, self.first, second.address, self.second, &kept,
                output.address, self.output, output.address, self.output, &algorithm, multiplier.workspace.address,
                multiplier.workspace.byteCount, multiplier.device.stream),
            "run \(name)")
        withExtendedLifetime((first, second, output)) {}
    }
}
