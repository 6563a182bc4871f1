// What pruning saw and did at one input site: its channels, their order, and what the outputs lost. For reports.

import ESparseCPU
import ESparseCore
import ESparseModels

/// Channels and linears of one input site.
public struct SiteDiagnostics: Sendable, Codable, Equatable {
    /// One pruned linear of the site.
    public struct Linear: Sendable, Codable, Equatable {
        /// Name of the weight.
        public let name: String
        /// Saliency of the kept weights as a share of all; nil where weights are updated or all saliency is 0.
        public let retainedSaliency: Double?
        /// `||X (W - W')^T|| / ||X W^T||` over the calibration tokens; nil where the outputs are 0.
        public let outputError: Double?

        enum CodingKeys: String, CodingKey {
            case name
            case retainedSaliency = "retained_saliency"
            case outputError = "output_error"
        }
    }

    /// Number of the decoder block.
    public let block: Int
    /// Which input of the block, such as "attention-input".
    public let site: String
    /// Amplitude of each channel on Wanda's scale, `[C]`, in the original order.
    public let amplitudes: [Float]
    /// Entropy of each channel as the method estimates it, `[C]`; nil where it estimates none.
    public let entropies: [Float]?
    /// Channel at each place after the shuffle, `[C]`; nil where channels kept their order.
    public let order: [Int32]?
    /// The linears that were pruned.
    public private(set) var linears: [Linear]

    /// Describes a site's channels.
    init(
        block: Int, site: String, statistics: ChannelStatistics, method: any PruningMethod, order: Permutation?
    ) {
        self.block = block
        self.site = site
        amplitudes = statistics.amplitudes(.wanda).map { Float($0) }
        entropies =
            if case .histogram(let estimator, _) = method.requirement {
                statistics.entropies(estimator).map { Float($0) }
            } else { nil }
        self.order = order?.order
        linears = []
    }

    /// Adds a linear; `weight` and `pruned` are `[rows, C]` in the original order of channels.
    mutating func append(
        _ name: String, weight: [Float], pruned: [Float], rows: Int, retainedSaliency: Double?, gram: GramMatrix,
        parallel: ParallelLoop
    ) {
        let lost = zip(weight, pruned).map { $0 - $1 }
        let energies = [lost, weight].map { gram.outputEnergy(of: $0, rows: rows, parallel: parallel) }
        let error = energies[1] > 0 ? (max(energies[0], 0) / energies[1]).squareRoot() : nil
        linears.append(Linear(name: name, retainedSaliency: retainedSaliency, outputError: error))
    }
}

/// What `esparse prune --diagnostics` writes.
public struct PruningDiagnostics: Sendable, Codable, Equatable {
    /// Size of the groups in which weights compete.
    public let group: Int
    /// Sites in order of data flow.
    public let sites: [SiteDiagnostics]

    /// Collects sites.
    public init(group: Int, sites: [SiteDiagnostics]) {
        self.group = group
        self.sites = sites
    }
}
