// What `esparse benchmark gemm` says of the processor: rates as shares of the machine's limits, and a table laid out as the paper's.

import ESparseCPU
import ESparseCore
import ESparseReport

extension GemmLayout {
    /// The layout for a backend on the processor with these limits.
    static func cpu(_ backend: CPUBackend, _ peak: MachinePeak) -> GemmLayout {
        let machine = MachineDescription(backend: backend, peak: peak)
        let threads = backend.threadCount
        return GemmLayout(
            heading: machine.text + "\n", members: { ["machine": machine] },
            pointMembers: { point in
                let (sparse, dense) = (SideRates.sparse(of: point, peak), SideRates.dense(of: point, peak))
                return [
                    "stage": point.stage, "threads": threads, "sparse_kernel_reason": point.reason.rawValue,
                    "dense_kernel": point.dense[0].kernel, "own_dense_kernel": point.ownDense?.kernel,
                    "own_dense_seconds": point.ownDense?.seconds, "speedup_over_own_dense": point.speedupOverOwnDense,
                    "sparse_gflops_per_second": sparse.gigaflops, "sparse_gbytes_per_second": sparse.gigabytes,
                    "sparse_share_of_peak": sparse.shareOfPeak,
                    "sparse_share_of_bandwidth": sparse.shareOfBandwidth,
                    "dense_gflops_per_second": dense.gigaflops, "dense_gbytes_per_second": dense.gigabytes,
                    "dense_share_of_peak": dense.shareOfPeak, "dense_share_of_bandwidth": dense.shareOfBandwidth,
                ]
            },
            columns: [
                .linear, .shape, Column(header: "stage", cell: \.stage), .tokens, .pattern,
                .sparseMilliseconds(decimals: 3), .denseMilliseconds(decimals: 3), .speedup,
                Column(header: "over own dense") { $0.speedupOverOwnDense.map(ratio) ?? "-" },
                Column(header: "sparse GFLOP/s") { rate(SideRates.sparse(of: $0, peak).gigaflops) },
                Column(header: "dense GFLOP/s") { rate(SideRates.dense(of: $0, peak).gigaflops) },
                Column(header: "of peak") { percent(SideRates.sparse(of: $0, peak).shareOfPeak) },
                Column(header: "sparse GB/s") { rate(SideRates.sparse(of: $0, peak).gigabytes) },
                Column(header: "of bandwidth") { percent(SideRates.sparse(of: $0, peak).shareOfBandwidth) },
                Column(header: "sparse kernel") { "\($0.sparse.kernel) (\($0.reason.rawValue))" },
                Column(header: "dense kernel", cell: \.dense[0].kernel),
            ],
            ending: paperTable)
    }

    /// One row a model, pattern, stage and number of tokens; one column a linear.
    @Sendable private static func paperTable(_ results: [GemmPoint]) -> String {
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

    private static func rate(_ value: Double) -> String { Quantity.fixed(value, decimals: 1) }
    private static func ratio(_ value: Double) -> String { Quantity.fixed(value, decimals: 2) + "x" }
    private static func percent(_ share: Double) -> String { Quantity.fixed(share * 100, decimals: 0) + "%" }
}

extension GemmPoint {
    /// "decoder" for the few tokens of decoding, "context" for prompts.
    fileprivate var stage: String { tokens <= 32 ? "decoder" : "context" }
    /// Our own dense kernel, where it was timed.
    fileprivate var ownDense: Side? { dense.count > 1 ? dense[1] : nil }
    fileprivate var speedupOverOwnDense: Double? { ownDense.map { $0.seconds / sparse.seconds } }
}

/// Rates of one side of the comparison.
private struct SideRates {
    /// Multiply-adds of the dense product, counted as two, in billions a second.
    let gigaflops: Double
    /// Bytes of weights, input and output, in billions a second.
    let gigabytes: Double
    /// The arithmetic really performed, as a share of the machine's.
    let shareOfPeak: Double
    /// The bytes, as a share of the machine's bandwidth.
    let shareOfBandwidth: Double

    static func sparse(of point: GemmPoint, _ peak: MachinePeak) -> SideRates {
        let density = Double(point.pattern.kept) / Double(point.pattern.group)
        return SideRates(point, point.sparse, performed: point.operations * density, peak)
    }

    static func dense(of point: GemmPoint, _ peak: MachinePeak) -> SideRates {
        SideRates(point, point.dense[0], performed: point.operations, peak)
    }

    private init(_ point: GemmPoint, _ side: GemmPoint.Side, performed: Double, _ peak: MachinePeak) {
        let bytes = side.weightBytes + 4 * point.tokens * (point.shape.rows + point.shape.columns)
        gigaflops = point.operations / side.seconds / 1e9
        gigabytes = Double(bytes) / side.seconds / 1e9
        shareOfPeak = performed / side.seconds / peak.operations
        shareOfBandwidth = Double(bytes) / side.seconds / peak.readBytes
    }
}
