// A linear's weights as a checkpoint holds them, of the type that kernels read: what every format is packed from.

internal import CESparseCPU
import ESparseCore

/// Dense weights `[R, C]`, or kept values `[R, keptPerRow]` with a bitmask; mapped bytes where type and alignment fit.
struct PortableWeights {
    let shape: WeightShape
    let values: Tensor
    /// `[R, (C + 7) / 8]`; nil when dense.
    let bitmask: Tensor?

    /// Takes weights as they lie; under bf16 rounds those of other types, in parallel.
    ///
    /// - Throws: `KernelError` when they are no matrix of floating-point numbers.
    init(_ weight: LinearWeight, precision: Precision, kernels: esparse_linear_kernels, pool: ThreadPool) throws {
        let stored: Tensor
        let keptPerRow: Int
        let pattern: SparsityPattern?
        switch weight.matrix {
        case .dense(let tensor):
            guard tensor.shape.count == 2 else { throw KernelError.notAMatrix(shape: tensor.shape) }
            (stored, keptPerRow, pattern, bitmask) = (tensor, tensor.columns, nil, nil)
        case .sparse(let matrix):
            (stored, keptPerRow, pattern, bitmask) =
                (matrix.values, matrix.keptPerRow, matrix.pattern, matrix.bitmask)
        }
        guard stored.elementType.isFloatingPoint else {
            throw KernelError.elementType(stored.elementType, role: "weight")
        }
        let isRounded = precision == .bfloat16 && stored.elementType != .bfloat16
        shape = WeightShape(
            rows: weight.rows, columns: weight.columns, pattern: pattern, keptPerRow: keptPerRow,
            elementType: isRounded ? .bfloat16 : stored.elementType)
        values =
            try isRounded ? Self.rounded(stored, kernels: kernels, pool: pool) : Self.aligned(stored)
    }

    /// Gives pages of a mapped checkpoint back, where a copy in another format is used from now on.
    func releasePages() {
        values.releasePages()
        bitmask?.releasePages()
    }

    /// Calls `body` with the C description of a run of rows that is to become rows in `format`; its pointers must not
    /// outlive the call.
    func withRows(
        _ range: Range<Int>, for format: esparse_format, _ body: (UnsafePointer<esparse_rows>) -> Void
    ) {
        unsafe Self.describe(
            shape.description(rows: range.count, bias: nil, format: format), values: values, bitmask: bitmask,
            shape: shape,
            from: range.lowerBound, body)
    }

    /// Completes the C description of rows from `row` on by where they lie in the portable form.
    static func describe(
        _ rows: esparse_rows, values: Tensor, bitmask: Tensor?, shape: WeightShape, from row: Int,
        _ body: (UnsafePointer<esparse_rows>) -> Void
    ) {
        var description = unsafe rows
        unsafe values.withUnsafeBytes { bytes in
            unsafe description.weights = bytes.baseAddress.map { unsafe $0 + row * shape.valueStride }
            guard let bitmask else { return unsafe body(&description) }
            unsafe bitmask.withUnsafeBytes { mask in
                unsafe description.bitmask = mask.baseAddress.map {
                    unsafe ($0 + row * shape.maskStride).assumingMemoryBound(to: UInt8.self)
                }
                unsafe body(&description)
            }
        }
    }

    /// The tensor itself, or a copy where its elements do not lie at multiples of their size (a checkpoint may do that).
    private static func aligned(_ tensor: Tensor) throws -> Tensor {
        let isAligned = unsafe tensor.withUnsafeBytes { bytes in
            UInt(bitPattern: bytes.baseAddress) % UInt(tensor.elementType.byteCount) == 0
        }
        return isAligned ? tensor : try tensor.copied()
    }

    /// A bf16 copy of a tensor of another type.
    private static func rounded(
        _ tensor: Tensor, kernels: esparse_linear_kernels, pool: ThreadPool
    ) throws -> Tensor {
        guard let format = DenseRows.code(tensor.elementType), let functions = kernels.functions(of: format) else {
            throw KernelError.elementType(tensor.elementType, role: "weight")
        }
        let count = tensor.elementCount
        let chunk = 16_384
        let storage = unsafe ByteStorage(byteCount: count * 2) { target in
            guard count > 0, let base = target.baseAddress else { return }
            nonisolated(unsafe) let output = unsafe base.assumingMemoryBound(to: UInt16.self)
            pool.run(count: (count + chunk - 1) / chunk) { index in
                let first = index * chunk
                let size = min(chunk, count - first)
                let widened = unsafe ScratchSlot.weights.memory(byteCount: chunk * 4)
                    .assumingMemoryBound(to: Float.self)
                let run = WeightShape(
                    rows: 1, columns: size, pattern: nil, keptPerRow: size, elementType: tensor.elementType)
                var description = unsafe run.description(rows: 1, bias: nil, format: format)
                unsafe tensor.withUnsafeBytes { bytes in
                    unsafe description.weights = bytes.baseAddress.map {
                        unsafe $0 + first * tensor.elementType.byteCount
                    }
                    unsafe functions.widen(&description, widened)
                }
                unsafe kernels.narrow(widened, output + first, Int64(size))
            }
        }
        return try Tensor(elementType: .bfloat16, shape: tensor.shape, storage: storage)
    }
}
