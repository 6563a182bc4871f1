// Describes a product to cuSPARSELt: descriptors of its matrices, the algorithm, and the plan made of them.

import CESparseCUDA

/// cuSPARSELt's plan of one product, with all that it may refer to.
@safe final class SparsePlan: Sendable {
    private let multiplier: SparseMultiplier
    private let weight: SparseOpaque
    private let input: SparseOpaque
    private let output: SparseOpaque
    private let product: SparseOpaque
    private let selection: SparseOpaque
    private let plan: SparseOpaque

    /// The plan, for cuSPARSELt alone.
    var start: UnsafeMutableRawPointer { unsafe plan.start }

    /// Plans a product; a device's context must be current.
    ///
    /// - Throws: `CUDAError`; everything is freed then.
    init(
        _ shape: SparseProductShape, bias: DeviceSlice?, algorithm: SparseAlgorithm?, _ multiplier: SparseMultiplier
    ) throws(CUDAError) {
        let (library, functions, handle) = (multiplier.library, multiplier.library.functions, multiplier.handle)
        let weight = try multiplier.structuredMatrix(rows: shape.rows, columns: shape.columns, type: shape.type)
        let input = try multiplier.denseMatrix(
            rows: shape.tokens, columns: shape.columns, leading: shape.columns, type: shape.type,
            order: Int32(esparse_sparse_row_order), "describe the input of \(shape)")
        let output = try multiplier.denseMatrix(
            rows: shape.rows, columns: shape.tokens, leading: shape.rows, type: shape.type,
            order: Int32(esparse_sparse_column_order), "describe the output of \(shape)")
        let product = try unsafe SparseOpaque(library, "describe \(shape)", destroy: nil) {
            unsafe functions.productInit(
                handle.start, $0, Int32(esparse_sparse_as_is), Int32(esparse_sparse_transpose), weight.start,
                input.start, output.start, output.start, Int32(esparse_sparse_compute_float32))
        }
        if let bias {
            var address = bias.address
            try library.check(
                unsafe functions.productSetAttribute(
                    handle.start, product.start, Int32(esparse_sparse_bias_pointer), &address,
                    MemoryLayout<UInt64>.size),
                "set the bias of \(shape)")
        }
        let selection = try unsafe SparseOpaque(
            library, "choose an algorithm for \(shape)", destroy: functions.selectionDestroy
        ) {
            unsafe functions.selectionInit(
                handle.start, $0, product.start, Int32(esparse_sparse_algorithm_default))
        }
        self.multiplier = multiplier
        self.weight = weight
        self.input = input
        self.output = output
        self.product = product
        self.selection = selection
        if let algorithm { try Self.set(algorithm, in: selection, shape, multiplier) }
        plan = try unsafe SparseOpaque(library, "plan \(shape)", destroy: functions.planDestroy) {
            unsafe functions.planInit(handle.start, $0, product.start, selection.start)
        }
    }

    /// Bytes that the plan works in.
    func workspaceBytes() throws(CUDAError) -> Int {
        var bytes = 0
        try multiplier.library.check(
            unsafe multiplier.library.functions.getWorkspace(multiplier.handle.start, plan.start, &bytes),
            "tell the workspace of a product")
        return bytes
    }

    /// What the selection says now; a search changes it.
    func algorithm() throws(CUDAError) -> SparseAlgorithm {
        SparseAlgorithm(
            identifier: try get(esparse_sparse_algorithm_identifier),
            splitCount: try get(esparse_sparse_algorithm_split_k),
            splitMode: try get(esparse_sparse_algorithm_split_k_mode),
            splitBuffers: try get(esparse_sparse_algorithm_split_k_buffers))
    }

    private func get(_ attribute: some BinaryInteger) throws(CUDAError) -> Int32 {
        try Self.get(attribute, in: selection, multiplier)
    }

    private static func get(
        _ attribute: some BinaryInteger, in selection: SparseOpaque, _ multiplier: SparseMultiplier
    ) throws(CUDAError) -> Int32 {
        var value: Int32 = 0
        try multiplier.library.check(
            unsafe multiplier.library.functions.selectionGetAttribute(
                multiplier.handle.start, selection.start, Int32(attribute), &value, MemoryLayout<Int32>.size),
            "tell attribute \(attribute) of an algorithm")
        return value
    }

    private static func set(
        _ algorithm: SparseAlgorithm, in selection: SparseOpaque, _ shape: SparseProductShape,
        _ multiplier: SparseMultiplier
    ) throws(CUDAError) {
        // A profile of another version may name one that this version does not have.
        let limit = try get(esparse_sparse_algorithm_maximum_identifier, in: selection, multiplier)
        guard algorithm.identifier >= 0, algorithm.identifier < limit else {
            throw .productUnsupported(.sparse, product: shape.description)
        }
        var attributes = [(esparse_sparse_algorithm_identifier, algorithm.identifier)]
        // The value that means "not split" cannot be set.
        if algorithm.splitCount != 1 { attributes.append((esparse_sparse_algorithm_split_k, algorithm.splitCount)) }
        if algorithm.splitMode > 0 { attributes.append((esparse_sparse_algorithm_split_k_mode, algorithm.splitMode)) }
        if algorithm.splitCount != 1, algorithm.splitBuffers > 0 {
            attributes.append((esparse_sparse_algorithm_split_k_buffers, algorithm.splitBuffers))
        }
        for (attribute, value) in attributes {
            var value = value
            try multiplier.library.check(
                unsafe multiplier.library.functions.selectionSetAttribute(
                    multiplier.handle.start, selection.start, Int32(attribute), &value, MemoryLayout<Int32>.size),
                "set attribute \(attribute) of an algorithm for \(shape)")
        }
    }
}

extension SparseMultiplier {
    /// Bytes that addresses are multiples of.
    private var alignment: UInt32 { 16 }

    /// Describes a 2:4 weight, row-major.
    ///
    /// - Throws: `CUDAError.shapeUnsupported`, or `callFailed`.
    func structuredMatrix(rows: Int, columns: Int, type: HalfType) throws(CUDAError) -> SparseOpaque {
        if let rule = SparseProductShape.refusal(rows: rows, columns: columns) {
            throw .shapeUnsupported(.sparse, rows: rows, columns: columns, rule: rule)
        }
        try device.makeCurrent()
        return try unsafe SparseOpaque(
            library, "describe a 2:4 weight of \(rows)x\(columns)", destroy: library.functions.matrixDestroy
        ) {
            unsafe library.functions.structuredDescriptorInit(
                handle.start, $0, Int64(rows), Int64(columns), Int64(columns), alignment, type.number,
                Int32(esparse_sparse_row_order), Int32(esparse_sparse_half))
        }
    }

    /// Describes a dense matrix.
    fileprivate func denseMatrix(
        rows: Int, columns: Int, leading: Int, type: HalfType, order: Int32, _ operation: @autoclosure () -> String
    ) throws(CUDAError) -> SparseOpaque {
        try unsafe SparseOpaque(library, operation(), destroy: library.functions.matrixDestroy) {
            unsafe library.functions.denseDescriptorInit(
                handle.start, $0, Int64(rows), Int64(columns), Int64(leading), alignment, type.number, order)
        }
    }
}
