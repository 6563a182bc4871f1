// Models put together from a pruned checkpoint and dense weights, in every mixture of sites.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels
import ESparsePruning
import FoundationEssentials
import Testing

/// A checkpoint whose sites have their channels in another order where the linears before can write it, as a shuffle leaves them.
private struct RowShuffled: WeightSource {
    let source: any WeightSource
    let architecture: ModelArchitecture
    let orders: [[String: Permutation]]

    var tensorNames: [String] { source.tensorNames }
    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func tensor(_ name: String) throws -> Tensor {
        let tensor = try source.tensor(name)
        for (block, orders) in zip(architecture.blocks, orders) {
            for site in block.sites {
                guard case .inProducers(let producers) = site.shuffle, let order = orders[site.name] else { continue }
                if site.linears.contains(where: { $0.name == name }) { return tensor.gatheringColumns(order.order) }
                let produced = producers.filter { $0.linear.name == name || $0.linear.biasName == name }
                if produced.isEmpty { continue }
                return produced.reduce(tensor) { $0.gatheringRows($1.order(permutedBy: order)) }
            }
        }
        return tensor
    }

    func linearWeight(_ name: String) throws -> LinearWeight { LinearWeight(matrix: .dense(try tensor(name))) }
}

@Suite struct AssembledWeightsTests {
    /// Nothing is pruned here, so every mixture must compute what the dense model does, whatever order the inner channels of
    /// its parts have.
    @Test(arguments: ["tiny-llama", "tiny-opt"]) func everyMixtureComputesTheSame(_ name: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        let checkpoint = try Checkpoint.open(root + "/Command/" + name)
        let architecture = try ModelArchitecture(configuration: checkpoint.configuration)
        let orders = try architecture.blocks.map { block in
            let down = try #require(block.sites.last)
            let count = Int32(down.channels)
            return [down.name: try #require(Permutation((0..<count).map { ($0 * 5 + 3) % count }))]
        }
        let shuffled = RowShuffled(source: checkpoint.weights, architecture: architecture, orders: orders)
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
                source: checkpoint.weights, pruned: shuffled, architecture: architecture, orderedRows: orders
            ) { _, site in
                mixture >> (sites.firstIndex(of: site) ?? 0) & 1 == 1
            }
            for (loss, exact) in zip(try losses(assembled), expected) {
                #expect(abs(loss - exact) < 1e-4, "mixture \(mixture)")
            }
        }
    }
}
