// A linear's weights where they lie: mapped checkpoint bytes where the type fits, converted copies where it does not.

internal import CESparseCPU
import ESparseCore

/// Weights `[R, C]` (dense, or kept values with a bitmask) and bias `[R]`, ready for kernels.
struct WeightStorage: Sendable {
    let rows: Int
    let columns: Int
    /// Elements of a row in `values`: `columns` when dense.
    let keptPerRow: Int
    let pattern: SparsityPattern?
    /// Type of the weights in memory.
    let elementType: ElementType
    /// Dense weights `[R, C]` or kept values `[R, keptPerRow]`; nil where there are panels.
    private(set) var values: Tensor?
    /// `[R, (C + 7) / 8]`; nil when dense and where there are panels.
    private(set) var bitmask: Tensor?
    /// The weights in the order of the instruction set's kernels, where they have one.
    private(set) var panels: WeightPanels?
    let bias: [Float]?
    /// What stands for the weights where reading ahead is concerned.
    private(set) var read = ReadWeights(start: 0, byteCount: 0)

    /// Takes weights as they lie, or repacks them where the kernels want panels; under bf16 rounds those of other types,
    /// in parallel.
    init(
        weight: LinearWeight, bias: Tensor?, precision: Precision, kernels: esparse_linear_kernels, pool: ThreadPool
    ) throws {
        rows = weight.rows
        columns = weight.columns
        let stored: Tensor
        switch weight.matrix {
        case .dense(let tensor):
            guard tensor.shape.count == 2 else { throw KernelError.notAMatrix(shape: tensor.shape) }
            stored = tensor
            keptPerRow = tensor.columns
            pattern = nil
            bitmask = nil
        case .sparse(let matrix):
            stored = matrix.values
            keptPerRow = matrix.keptPerRow
            pattern = matrix.pattern
            bitmask = matrix.bitmask
        }
        guard stored.elementType.isFloatingPoint else {
            throw KernelError.elementType(stored.elementType, role: "weight")
        }
        elementType = precision == .bfloat16 ? .bfloat16 : stored.elementType
        if stored.elementType != elementType {
            values = try WeightStorage.rounded(stored, kernels: kernels, pool: pool)
        } else {
            values = try WeightStorage.aligned(stored)
        }
        if let bias {
            guard bias.elementCount == rows, bias.shape.count == 1 else {
                throw KernelError.biasShape(bias.shape, rows: rows)
            }
            guard bias.elementType.isFloatingPoint else {
                throw KernelError.elementType(bias.elementType, role: "bias")
            }
            self.bias = try bias.floats()
        } else {
            self.bias = nil
        }
        if let panels = WeightPanels(self, kernels: kernels, pool: pool) {
            self.panels = panels
            values = nil
            bitmask = nil
        }
        var start: UnsafeRawPointer?
        unsafe withRows(0..<0) { rows in
            unsafe start = rows.pointee.panels.map { unsafe UnsafeRawPointer($0) } ?? rows.pointee.weights
        }
        read = ReadWeights(
            start: UInt(bitPattern: start), byteCount: panels?.byteCount ?? values?.byteCount ?? 0)
    }

    /// Bytes of values, bitmask and bias, mapped or owned.
    var byteCount: Int {
        (values?.byteCount ?? 0) + (bitmask?.byteCount ?? 0) + (panels?.byteCount ?? 0) + (bias?.count ?? 0) * 4
    }

    /// Bytes of one row in the portable form.
    var rowByteCount: Int { keptPerRow * elementType.byteCount + (pattern == nil ? 0 : maskStride) }

    private var maskStride: Int { (columns + 7) / 8 }

    /// Whether every four columns keep the same number of weights.
    private var isGrouped: Bool { pattern.map { 4 % $0.group == 0 } ?? false }

    /// Calls `body` with the C description of a run of rows, which starts at a multiple of eight where there are panels; its
    /// pointers must not outlive the call.
    func withRows(_ range: Range<Int>, _ body: (UnsafePointer<esparse_rows>) -> Void) {
        unsafe withOptionalElements(of: bias) { bias in
            var description = unsafe esparse_rows(
                weights: nil, bitmask: nil, bias: bias.map { unsafe $0 + range.lowerBound },
                rows: Int64(range.count), columns: Int64(columns), kept_per_row: Int64(keptPerRow),
                mask_stride: Int64(maskStride), element: elementType.kernelCode, is_grouped: isGrouped ? 1 : 0,
                is_compact: panels?.isCompact == true ? 1 : 0, panels: nil, spilled: nil)
            if let panels {
                unsafe panels.withPanel(of: range.lowerBound) { panel, spilled in
                    unsafe description.panels = panel
                    unsafe description.spilled = spilled
                    unsafe body(&description)
                }
                return
            }
            unsafe withOptionalBytes(of: bitmask) { mask in
                unsafe withOptionalBytes(of: values) { bytes in
                    let rowBytes = keptPerRow * elementType.byteCount
                    unsafe description.weights = bytes.map { unsafe $0 + range.lowerBound * rowBytes }
                    unsafe description.bitmask = mask.map {
                        unsafe ($0 + range.lowerBound * maskStride).assumingMemoryBound(to: UInt8.self)
                    }
                    unsafe body(&description)
                }
            }
        }
    }

    private func withOptionalBytes(of tensor: Tensor?, _ body: (UnsafeRawPointer?) -> Void) {
        guard let tensor else { return body(nil) }
        unsafe tensor.withUnsafeBytes { unsafe body($0.baseAddress) }
    }

    private func withOptionalElements(of array: [Float]?, _ body: (UnsafePointer<Float>?) -> Void) {
        guard let array else { return body(nil) }
        unsafe array.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
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
        let count = tensor.elementCount
        let chunk = 16_384
        let element = tensor.elementType
        let storage = unsafe ByteStorage(byteCount: count * 2) { target in
            guard count > 0, let base = target.baseAddress else { return }
            nonisolated(unsafe) let output = unsafe base.assumingMemoryBound(to: UInt16.self)
            let kernels = kernels
            pool.run(count: (count + chunk - 1) / chunk) { index in
                let first = index * chunk
                let size = min(chunk, count - first)
                let widened = unsafe ScratchSlot.weights.memory(byteCount: chunk * 4)
                    .assumingMemoryBound(to: Float.self)
                unsafe tensor.withUnsafeBytes { bytes in
                    var run = unsafe esparse_rows(
                        weights: bytes.baseAddress.map { unsafe $0 + first * element.byteCount }, bitmask: nil,
                        bias: nil, rows: 1, columns: Int64(size), kept_per_row: Int64(size), mask_stride: 0,
                        element: element.kernelCode, is_grouped: 0, is_compact: 0, panels: nil, spilled: nil)
                    unsafe kernels.widen(&run, widened)
                }
                unsafe kernels.narrow(widened, output + first, Int64(size))
            }
        }
        return try Tensor(elementType: .bfloat16, shape: tensor.shape, storage: storage)
    }
}

extension ElementType {
    /// The C kernels' code of a floating-point type.
    var kernelCode: Int32 {
        switch self {
        case .float32: Int32(esparse_float32.rawValue)
        case .float16: Int32(esparse_float16.rawValue)
        case .bfloat16: Int32(esparse_bfloat16.rawValue)
        case .uint8, .int32, .int64: preconditionFailure("\(self) is no type of weights, which WeightStorage refuses")
        }
    }
}
