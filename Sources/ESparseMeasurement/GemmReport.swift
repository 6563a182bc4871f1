// What `esparse benchmark gemm` says: JSON, a table of all points, and one laid out as the paper's.

import ESparseCPU
import ESparseCore
import ESparseReport

/// One measured point: a shape, a number of tokens and a pattern.
public struct GemmPoint: Sendable, Encodable {
    /// One side of the comparison.
    struct Side: Sendable {
        let kernel: String
        let seconds: Double
        /// Multiply-adds of the dense product, counted as two, in billions a second.
        let gigaflops: Double
        /// Bytes of the weights as they are read.
        let weightBytes: Int
        /// Bytes of weights, input and output, in billions a second.
        let gigabytes: Double
        /// The arithmetic really performed, as a share of the machine's.
        let shareOfPeak: Double
        /// The bytes, as a share of the machine's bandwidth.
        let shareOfBandwidth: Double

        init(
            kernel: String, seconds: Double, operations: Double, performed: Double, weightBytes: Int, otherBytes: Int,
            peak: MachinePeak
        ) {
            let bytes = weightBytes + otherBytes
            self.kernel = kernel
            self.seconds = seconds
            self.weightBytes = weightBytes
            gigaflops = operations / seconds / 1e9
            gigabytes = Double(bytes) / seconds / 1e9
            shareOfPeak = performed / seconds / peak.operations
            shareOfBandwidth = Double(bytes) / seconds / peak.readBytes
        }
    }

    let shape: GemmShape
    let tokens: Int
    let pattern: SparsityPattern
    let threads: Int
    let sparse: Side
    /// Why the sparse side's kernel was chosen.
    let reason: String
    let dense: Side
    let ownDense: (kernel: String, seconds: Double)?
    /// Root mean square difference of the two results, relative.
    let difference: Double

    var speedup: Double { dense.seconds / sparse.seconds }
    /// "decoder" for the few tokens of decoding, "context" for prompts.
    var stage: String { tokens <= 32 ? "decoder" : "context" }

    private enum CodingKeys: String, CodingKey {
        case model, layer, stage, rows, columns, tokens, pattern, threads, speedup, difference
        case sparseKernel = "sparse_kernel"
        case sparseReason = "sparse_kernel_reason"
        case sparseSeconds = "sparse_seconds"
        case denseKernel = "dense_kernel"
        case denseSeconds = "dense_seconds"
        case ownDenseKernel = "own_dense_kernel"
        case ownDenseSeconds = "own_dense_seconds"
        case ownDenseSpeedup = "speedup_over_own_dense"
        case sparseBytes = "sparse_weight_bytes"
        case denseBytes = "dense_weight_bytes"
        case sparseGigaflops = "sparse_gflops_per_second"
        case sparseGigabytes = "sparse_gbytes_per_second"
        case sparsePeak = "sparse_share_of_peak"
        case sparseBandwidth = "sparse_share_of_bandwidth"
        case denseGigaflops = "dense_gflops_per_second"
        case denseGigabytes = "dense_gbytes_per_second"
        case densePeak = "dense_share_of_peak"
        case denseBandwidth = "dense_share_of_bandwidth"
    }

    /// Encodes the point as one flat object.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(shape.model, forKey: .model)
        try container.encode(shape.layer, forKey: .layer)
        try container.encode(stage, forKey: .stage)
        try container.encode(shape.rows, forKey: .rows)
        try container.encode(shape.columns, forKey: .columns)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(pattern, forKey: .pattern)
        try container.encode(threads, forKey: .threads)
        try container.encode(sparse.kernel, forKey: .sparseKernel)
        try container.encode(reason, forKey: .sparseReason)
        try container.encode(sparse.seconds, forKey: .sparseSeconds)
        try container.encode(dense.kernel, forKey: .denseKernel)
        try container.encode(dense.seconds, forKey: .denseSeconds)
        try container.encode(speedup, forKey: .speedup)
        try container.encodeIfPresent(ownDense?.kernel, forKey: .ownDenseKernel)
        try container.encodeIfPresent(ownDense?.seconds, forKey: .ownDenseSeconds)
        try container.encodeIfPresent(ownDense.map { $0.seconds / sparse.seconds }, forKey: .ownDenseSpeedup)
        try container.encode(sparse.weightBytes, forKey: .sparseBytes)
        try container.encode(dense.weightBytes, forKey: .denseBytes)
        try container.encode(sparse.gigaflops, forKey: .sparseGigaflops)
        try container.encode(sparse.gigabytes, forKey: .sparseGigabytes)
        try container.encode(sparse.shareOfPeak, forKey: .sparsePeak)
        try container.encode(sparse.shareOfBandwidth, forKey: .sparseBandwidth)
        try container.encode(dense.gigaflops, forKey: .denseGigaflops)
        try container.encode(dense.gigabytes, forKey: .denseGigabytes)
        try container.encode(dense.shareOfPeak, forKey: .densePeak)
        try container.encode(dense.shareOfBandwidth, forKey: .denseBandwidth)
        try container.encode(difference, forKey: .difference)
    }
}

/// The results of a run with the machine they belong to.
public struct GemmReport: Sendable, Encodable {
    /// What the points ran on.
    public let machine: MachineDescription
    /// All points, in order of shape, pattern and tokens.
    public let results: [GemmPoint]

    init(backend: CPUBackend, peak: MachinePeak, results: [GemmPoint]) {
        machine = MachineDescription(backend: backend, peak: peak)
        self.results = results
    }

    /// All points, one a row, then speedups laid out as the paper's table.
    public var text: String {
        var table = TextTable(
            header: [
                "linear", "shape", "stage", "tokens", "pattern", "sparse ms", "dense ms", "speedup", "over own dense",
                "sparse GFLOP/s", "dense GFLOP/s", "of peak", "sparse GB/s", "of bandwidth", "sparse kernel",
                "dense kernel",
            ])
        for point in results {
            table.append([
                point.shape.model == "custom" ? "" : "\(point.shape.model) \(point.shape.layer)", point.shape.name,
                point.stage, "\(point.tokens)", "\(point.pattern)", milliseconds(point.sparse.seconds),
                milliseconds(point.dense.seconds), ratio(point.speedup),
                point.ownDense.map { ratio($0.seconds / point.sparse.seconds) } ?? "-",
                Quantity.fixed(point.sparse.gigaflops, decimals: 1),
                Quantity.fixed(point.dense.gigaflops, decimals: 1), percent(point.sparse.shareOfPeak),
                Quantity.fixed(point.sparse.gigabytes, decimals: 1), percent(point.sparse.shareOfBandwidth),
                "\(point.sparse.kernel) (\(point.reason))", point.dense.kernel,
            ])
        }
        return machine.text + "\n" + table.plainText + speedups
    }

    /// One row a model, pattern, stage and number of tokens; one column a linear.
    private var speedups: String {
        let layers = ["QKV", "attention out", "FFN-1", "FFN-2"]
        var table = TextTable(header: ["speedup over oneDNN", "stage", "tokens"] + layers)
        var seen: Set<String> = []
        for first in results where first.shape.model != "custom" {
            let name = "\(first.shape.model) \(first.pattern)"
            guard seen.insert("\(name) \(first.tokens)").inserted else { continue }
            let cells = layers.map { layer in
                results.first {
                    $0.shape.model == first.shape.model && $0.shape.layer == layer && $0.tokens == first.tokens
                        && $0.pattern == first.pattern
                }.map { ratio($0.speedup) } ?? "-"
            }
            table.append([name, first.stage, "\(first.tokens)"] + cells)
        }
        return table.rows.isEmpty ? "" : "\n" + table.plainText
    }

    private func milliseconds(_ seconds: Double) -> String { Quantity.fixed(seconds * 1000, decimals: 3) }
    private func ratio(_ value: Double) -> String { Quantity.fixed(value, decimals: 2) + "x" }
    private func percent(_ share: Double) -> String { Quantity.fixed(share * 100, decimals: 0) + "%" }
}
