// What `esparse benchmark model` says: medians of each variant and batch size, JSON and a table.

import ESparseCore
import ESparseReport

/// One variant of the model at one batch size.
public struct ModelResult: Sendable, Codable, Equatable {
    /// "dense" or "packed".
    public let variant: String
    /// Sequences side by side.
    public let batch: Int
    /// Tokens of each prompt.
    public let promptTokens: Int
    /// Tokens drawn for each sequence.
    public let generatedTokens: Int
    /// Threads that computed.
    public let threads: Int
    /// Processes that the medians are of.
    public let rounds: Int
    /// Median; see `ModelRun`.
    public let prefillTokensPerSecond: Double
    /// Median; see `ModelRun`.
    public let decodeTokensPerSecond: Double
    /// Median; see `ModelRun`.
    public let secondsToFirstToken: Double
    /// The largest of all rounds.
    public let peakResidentBytes: Int
    /// Size of the weight files on disk.
    public let fileBytes: Int
    /// See `ModelRun`.
    public let prefillKernels: [String]
    /// See `ModelRun`.
    public let decodeKernels: [String]

    enum CodingKeys: String, CodingKey {
        case variant, batch, threads, rounds
        case promptTokens = "prompt_tokens"
        case generatedTokens = "generated_tokens"
        case prefillTokensPerSecond = "prefill_tokens_per_second"
        case decodeTokensPerSecond = "decode_tokens_per_second"
        case secondsToFirstToken = "time_to_first_token_seconds"
        case peakResidentBytes = "peak_resident_bytes"
        case fileBytes = "weight_file_bytes"
        case prefillKernels = "prefill_kernels"
        case decodeKernels = "decode_kernels"
    }

    /// Takes the medians of the runs of one variant.
    package init(
        variant: String, workload: ModelRun.Workload, threads: Int, fileBytes: Int, runs: [ModelRun]
    ) {
        self.variant = variant
        batch = workload.batch
        promptTokens = workload.promptTokens
        generatedTokens = workload.generatedTokens
        self.threads = threads
        rounds = runs.count
        prefillTokensPerSecond = AlternatingTimer.median(runs.map(\.prefillTokensPerSecond))
        decodeTokensPerSecond = AlternatingTimer.median(runs.map(\.decodeTokensPerSecond))
        secondsToFirstToken = AlternatingTimer.median(runs.map(\.secondsToFirstToken))
        peakResidentBytes = runs.map(\.peakResidentBytes).max() ?? 0
        self.fileBytes = fileBytes
        prefillKernels = runs.first?.prefillKernels ?? []
        decodeKernels = runs.first?.decodeKernels ?? []
    }
}

/// All variants and batch sizes.
public struct ModelReport: Sendable, Codable {
    /// For each batch size the dense variant, then the packed one.
    public let results: [ModelResult]

    /// Takes results in order.
    package init(results: [ModelResult]) { self.results = results }

    /// A row a variant, and one with the ratios after each pair.
    public var text: String {
        var table = TextTable(
            header: [
                "variant", "batch", "prefill tokens/s", "decode tokens/s", "first token s", "peak memory", "kernels",
            ])
        for pair in stride(from: 0, to: results.count, by: 2).map({ results[$0..<min($0 + 2, results.count)] }) {
            for result in pair {
                table.append([
                    result.variant, "\(result.batch)", Quantity.fixed(result.prefillTokensPerSecond, decimals: 1),
                    Quantity.fixed(result.decodeTokensPerSecond, decimals: 2),
                    Quantity.fixed(result.secondsToFirstToken, decimals: 3), Quantity.bytes(result.peakResidentBytes),
                    (result.prefillKernels + ["|"] + result.decodeKernels).joined(separator: " "),
                ])
            }
            guard let dense = pair.first, let packed = pair.last, pair.count == 2 else { continue }
            func ratio(_ value: Double) -> String { Quantity.fixed(value, decimals: 3) + "x" }
            table.append([
                "packed/dense", "\(dense.batch)",
                ratio(packed.prefillTokensPerSecond / dense.prefillTokensPerSecond),
                ratio(packed.decodeTokensPerSecond / dense.decodeTokensPerSecond),
                ratio(packed.secondsToFirstToken / dense.secondsToFirstToken),
                ratio(Double(packed.peakResidentBytes) / Double(max(dense.peakResidentBytes, 1))), "",
            ])
        }
        return table.plainText
    }
}
