// Models put together from a pruned checkpoint and dense weights, in every mixture of sites.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparsePruning
import ESparseTestSupport
import FoundationEssentials
import Testing

/// A checkpoint whose sites have their channels in another order where the linears before can write it, as a shuffle leaves them.
private struct RowShuffled: WeightSource {
    let source: any WeightSource
    let architecture: ModelArchitecture
    let orders: [[String: Permutation]]
    let producers: @Sendable (InputSite) -> ChannelProducers?

    var tensorNames: [String] { source.tensorNames }
    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func tensor(_ name: String) throws -> Tensor {
        var tensor = try source.tensor(name)
        for (block, orders) in zip(architecture.blocks, orders) {
            for site in block.sites {
                guard let producers = producers(site), let order = orders[site.name] else { continue }
                if site.linears.contains(where: { $0.name == name }) {
                    tensor = tensor.gatheringColumns(producers.channelOrder(order).order)
                }
                let producer = producers.linears.first { $0.name == name || $0.biasName == name }
                if let producer { tensor = tensor.gatheringRows(producers.rowOrder(order, of: producer)) }
            }
        }
        return tensor
    }

    func linearWeight(_ name: String) throws -> LinearWeight { LinearWeight(matrix: .dense(try tensor(name))) }
}

@Suite struct AssembledWeightsTests {
    /// Nothing is pruned here, so every mixture must compute what the dense model does, whatever order the channels of its parts
    /// have: in the rows of feed-forward layers only, or absorbed in all weights.
    @Test(arguments: ["tiny-llama", "tiny-opt"], [false, true])
    func everyMixtureComputesTheSame(_ name: String, isAbsorbed: Bool) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        let checkpoint = try Checkpoint.open(root + "/Command/" + name)
        let architecture = try ModelArchitecture(configuration: checkpoint.configuration)
        @Sendable func producers(_ site: InputSite) -> ChannelProducers? {
            guard case .inProducers(let rows) = isAbsorbed ? site.absorbedShuffle : site.shuffle else { return nil }
            return rows
        }
        var random = SeededRandom(seed: 3)
        let dense: any WeightSource =
            try isAbsorbed
            ? AbsorbedWeights(
                source: checkpoint.weights, architecture: architecture,
                order: .random(architecture.hiddenSize, using: &random)) : checkpoint.weights
        let orders = architecture.blocks.map { block in
            var orders: [String: Permutation] = [:]
            for site in block.sites {
                guard let rows = producers(site) else { continue }
                orders[site.name] = .random(rows.rowCount, runLength: rows.runLength, using: &random)
            }
            return orders
        }
        #expect(orders[0].count == (isAbsorbed ? 2 : 1))
        let shuffled = RowShuffled(source: dense, architecture: architecture, orders: orders, producers: producers)
        let backend = try CPUBackend(precision: .float32, threadCount: 2)
        let tokens = (0..<40).map { Int32($0 * 7 % 500) }
        func losses(_ weights: any WeightSource) throws -> [Double] {
            try LanguageModel.load(architecture: architecture, weights: weights, backend: backend)
                .negativeLogLikelihoods(of: [tokens])[0]
        }
        let expected = try losses(checkpoint.weights)
        let sites = architecture.blocks[0].sites.map(\.name)
        for mixture in 0..<1 << sites.count {
            let assembled = AssembledWeights(
                source: dense, pruned: shuffled, architecture: architecture, orderedRows: orders, producers: producers
            ) { _, site in
                mixture >> (sites.firstIndex(of: site) ?? 0) & 1 == 1
            }
            for (loss, exact) in zip(try losses(assembled), expected) {
                #expect(abs(loss - exact) < 1e-4, "mixture \(mixture)")
            }
        }
    }
}
