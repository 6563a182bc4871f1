// What a checkpoint really holds: pattern, density and bytes of every linear, found by looking at the weights.

import ESparseCPU
public import ESparseCore
public import ESparseModels
import Synchronization

/// Facts about the linears of a model's decoder blocks, and totals.
public struct ModelInspection: Sendable, Codable {
    /// One linear.
    public struct Linear: Sendable, Codable {
        /// Name of the weight.
        public let name: String
        /// Output channels.
        public let rows: Int
        /// Input channels.
        public let columns: Int
        /// The tightest N:M pattern of its zeros, such as "2:4"; "dense" where there is none.
        public let pattern: String
        /// Share of weights that are not zero, in `[0, 1]`.
        public let density: Double
        /// "packed" (values and bitmask) or "dense".
        public let storage: String
        /// Element type of the weights as stored or dequantised.
        public let elementType: String
        /// Bytes of the weight as this tool holds it, bitmask and order of channels included.
        public let bytes: Int
        /// Whether the input channels are in a permuted order.
        public let permuted: Bool
        /// Which kernels run it, by number of tokens, where that was asked for.
        public let kernels: [KernelRange]?

        enum CodingKeys: String, CodingKey {
            case name, rows, columns, pattern, density, storage, bytes, permuted, kernels
            case elementType = "element_type"
        }
    }

    /// Linears in order of data flow.
    public let linears: [Linear]
    /// Size of the weight files on disk.
    public let fileBytes: Int
    /// Weights, biases and norms of the whole model.
    public let parameterCount: Int
    /// Bytes of the whole model with 16-bit weights: packed linears as they are packed, everything else dense.
    public let sixteenBitBytes: Int
    /// Where shuffled orders are kept, as the manifest says; nil where nothing was shuffled.
    public let shuffleMode: ShuffleMode?

    enum CodingKeys: String, CodingKey {
        case linears
        case fileBytes = "file_bytes"
        case parameterCount = "parameters"
        case sixteenBitBytes = "weight_bytes_bf16"
        case shuffleMode = "shuffle_mode"
    }

    /// Reads every linear of the model once, several at a time. Where a backend is given, each linear's kernels there are listed.
    ///
    /// - Throws: the format's error for a damaged tensor; `InterruptedError`.
    public init(
        _ architecture: ModelArchitecture, weights: any WeightSource, fileBytes: Int, shuffleMode: ShuffleMode?,
        threadCount: Int, kernelsOn backend: (any KernelReporting)? = nil,
        progress: any ProgressReporter = SilentProgress()
    ) throws {
        try architecture.validate(weights)
        let pool = ThreadPool(threadCount: threadCount)
        var linears: [Linear] = []
        for (index, block) in architecture.blocks.enumerated() {
            try Interruption.check()
            progress.report(stage: "Inspecting", completed: index, total: architecture.blockCount, unit: "blocks")
            let descriptions = block.sites.flatMap(\.linears)
            let products = Dictionary(grouping: block.sites.flatMap(\.products), by: \.linear)
            let found = Mutex([Result<Linear, any Error>?](repeating: nil, count: descriptions.count))
            pool.run(count: descriptions.count) { item in
                let linear = descriptions[item]
                let result = Result { try Self.inspect(linear.name, in: weights, products[linear] ?? [], backend) }
                found.withLock { $0[item] = result }
            }
            linears += try found.withLock { $0 }.compactMap { try $0?.get() }
        }
        progress.report(
            stage: "Inspecting", completed: architecture.blockCount, total: architecture.blockCount, unit: "blocks")
        self.linears = linears
        self.fileBytes = fileBytes
        self.shuffleMode = shuffleMode
        parameterCount = architecture.parameterCount
        let linearParameters = linears.reduce(0) { $0 + $1.rows * $1.columns }
        sixteenBitBytes =
            2 * (architecture.parameterCount - linearParameters)
            + linears.reduce(0) { sum, linear in
                let values = linear.storage == "packed" ? linear.keptValueCount : linear.rows * linear.columns
                let mask = linear.storage == "packed" ? linear.rows * ((linear.columns + 7) / 8) : 0
                return sum + 2 * values + mask + (linear.permuted ? 4 * linear.columns : 0)
            }
    }

    /// One linear; `products` are the rows of it that the model multiplies by on their own, each with kernels of its own.
    private static func inspect(
        _ name: String, in weights: any WeightSource, _ products: [LinearRows], _ backend: (any KernelReporting)?
    ) throws -> Linear {
        let weight = try weights.linearWeight(name)
        var finder = PatternFinder(columns: weight.columns)
        let storage: String
        let bytes: Int
        let elementType: ElementType
        switch weight.matrix {
        case .dense(let tensor):
            (storage, bytes, elementType) = ("dense", tensor.byteCount, tensor.elementType)
            for row in 0..<tensor.rows { finder.addRow(try tensor.nonzeroBits(row: row)) }
        case .sparse(let matrix):
            (storage, bytes) = ("packed", matrix.values.byteCount + matrix.bitmask.byteCount)
            elementType = matrix.values.elementType
            for row in 0..<matrix.rows { finder.addRow(try matrix.nonzeroBits(row: row)) }
        }
        let kernels = backend.map { backend in
            var ranges: [KernelRange] = []
            for product in products {
                for range in backend.kernelRanges(of: product.part(of: weight)) where !ranges.contains(range) {
                    ranges.append(range)
                }
            }
            return ranges
        }
        return Linear(
            name: name, rows: weight.rows, columns: weight.columns,
            pattern: finder.pattern.map(\.description) ?? "dense", density: finder.density, storage: storage,
            elementType: elementType.rawValue, bytes: bytes + (weight.permutation?.count ?? 0) * 4,
            permuted: weight.permutation != nil, kernels: kernels)
    }
}

extension ModelInspection.Linear {
    /// Stored weights of a packed linear, from its bytes.
    fileprivate var keptValueCount: Int {
        let valueBytes = bytes - rows * ((columns + 7) / 8) - (permuted ? 4 * columns : 0)
        return valueBytes / (ElementType(rawValue: elementType)?.byteCount ?? 2)
    }
}

extension Tensor {
    /// Which elements of a row are not zero, one bit each (-0 is zero).
    fileprivate func nonzeroBits(row: Int) throws -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (columns + 63) / 64)
        for (column, value) in try floats(rows: row..<(row + 1)).enumerated() where value != 0 {
            words[column / 64] |= 1 << UInt64(column % 64)
        }
        return words
    }
}

extension SparseMatrix {
    /// Which columns of a row hold a weight that is not zero, one bit each.
    fileprivate func nonzeroBits(row: Int) throws -> [UInt64] {
        var words = [UInt64](repeating: 0, count: (columns + 63) / 64)
        let values = try values.floats(rows: row..<(row + 1))
        unsafe bitmask.withUnsafeBytes { bytes in
            var next = 0
            for column in 0..<columns {
                guard unsafe bytes[row * maskBytesPerRow + column / 8] >> UInt8(column % 8) & 1 == 1 else { continue }
                if values[next] != 0 { words[column / 64] |= 1 << UInt64(column % 64) }
                next += 1
            }
        }
        return words
    }
}
