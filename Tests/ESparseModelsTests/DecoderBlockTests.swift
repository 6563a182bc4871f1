// What calibration sees of a block: its sites, in order, in the order the linears expect, and no further than asked.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseTestSupport
import Testing

@Suite struct DecoderBlockTests {
    private typealias Observation = (site: String, activation: ReferenceBackend.Activation)
    private let backend = ReferenceBackend()

    /// What the first block of a model observes, with its input and output.
    private func observe(
        _ architecture: ModelArchitecture, _ weights: MemoryWeights, through: String? = nil
    ) throws -> (observations: [Observation], output: [Float]) {
        let batch = TokenBatch.wholeSequence(6)
        var hidden = try architecture.loadEmbedding(from: weights, onto: backend).embed(
            [3, 9, 27, 81, 50, 4], batch: batch)
        let block = try architecture.loadBlock(0, from: weights, onto: backend)
        var cache = try backend.makeCache(
            architecture.cacheDescription(sequenceCount: 1, capacity: 6).singleLayer)
        var observations: [Observation] = []
        try block.forward(hidden: &hidden, batch: batch, layer: 0, cache: &cache, through: through) {
            observations.append(($0, $1))
        }
        return (observations, backend.floats(of: hidden))
    }

    @Test(arguments: ModelFixture.names) func sitesInOrder(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        let found = try observe(architecture, fixture.weights).observations
        let sites = ["attention-input", "attention-output", "feed-forward-input", "feed-forward-output"]
        #expect(found.map(\.site) == sites)
        #expect(architecture.blocks[0].sites.map(\.name) == sites)
        for (site, observation) in zip(architecture.blocks[0].sites, found) {
            #expect(observation.activation.channels == site.channels)
            #expect(observation.activation.tokens == 6)
        }
        for (count, site) in sites.enumerated() {
            let stopped = try observe(architecture, fixture.weights, through: site).observations
            #expect(stopped.map(\.site) == Array(sites[...count]))
            #expect(stopped.map(\.activation) == Array(found.map(\.activation)[...count]))
        }
    }

    /// By hand: the block's output is its last input's product with `down`, plus the stream before it.
    @Test func outputIsTheStreamPlusDown() throws {
        let fixture = try ModelFixture("llama-plain")
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        var silent = fixture.weights
        let down = try #require(architecture.blocks[0].sites.last).linears[0]
        silent.tensors[down.name] = try Tensor(
            [Float](repeating: 0, count: down.rows * down.columns), shape: down.shape)
        let before = try observe(architecture, silent).output
        let (observations, after) = try observe(architecture, fixture.weights)
        let inner = try #require(observations.last).activation
        let weight = try fixture.weights.tensor(down.name).floats()
        for token in 0..<6 {
            for row in 0..<down.rows {
                let product = (0..<down.columns).reduce(Float(0)) {
                    $0 + weight[row * down.columns + $1] * inner.values[token * down.columns + $1]
                }
                let index = token * down.rows + row
                #expect(abs(after[index] - before[index] - product) < 1e-4)
            }
        }
    }

    @Test func observationsComeInTheOrderTheLinearsExpect() throws {
        let fixture = try ModelFixture("llama-head-size")
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        let plain = try observe(architecture, fixture.weights).observations
        for (index, site) in architecture.blocks[0].sites.enumerated() {
            guard case .atRunTime = site.shuffle else { continue }
            let order = try #require(Permutation((0..<Int32(site.channels)).reversed()))
            var weights = fixture.weights
            for linear in site.linears {
                try weights.permuteColumns(of: linear.name, by: order)
                weights.permutations[linear.name] = order
            }
            let shuffled = try observe(architecture, weights).observations
            let expected = (0..<6).flatMap { order.applied(to: Array(plain[index].activation.row($0))) }
            #expect(relativeError(shuffled[index].activation.values, expected) < 1e-6)
            let last = try #require(plain.last).activation.values
            #expect(relativeError(try #require(shuffled.last).activation.values, last) < 1e-5)
        }
    }

    private struct Stop: Error {}

    @Test func anObserverCanStop() throws {
        let fixture = try ModelFixture("opt-plain")
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        let block = try architecture.loadBlock(1, from: fixture.weights, onto: backend)
        var hidden = backend.activation([Float](repeating: 0.5, count: 32), channels: 32)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 1, keyValueHeadCount: 4, headSize: 8))
        #expect(throws: Stop.self) {
            try block.forward(hidden: &hidden, batch: .wholeSequence(1), layer: 0, cache: &cache) { site, _ in
                if site == "feed-forward-input" { throw Stop() }
            }
        }
    }

    @Test func producersOfTheLastLinear() throws {
        let llama = try ModelArchitecture(configuration: ModelFixture("llama-linear-rope").configuration)
        let opt = try ModelArchitecture(configuration: ModelFixture("opt-plain").configuration)
        func producers(_ architecture: ModelArchitecture) -> [String] {
            guard case .inProducers(let producers)? = architecture.blocks[1].sites.last?.shuffle else { return [] }
            return producers.rows.flatMap { [$0.linear.name, $0.linear.biasName ?? "none", "\($0.rows)"] }
        }
        #expect(
            producers(llama) == [
                "model.layers.1.mlp.gate_proj.weight", "model.layers.1.mlp.gate_proj.bias", "0..<48",
                "model.layers.1.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.bias", "0..<48",
            ])
        #expect(producers(opt) == ["model.decoder.layers.1.fc1.weight", "model.decoder.layers.1.fc1.bias", "0..<48"])
        let phi = try ModelArchitecture(configuration: ModelFixture("phi3").configuration)
        let fused = "model.layers.1.mlp.gate_up_proj.weight"
        #expect(producers(phi) == [fused, "none", "0..<48", fused, "none", "48..<96"])
    }

    /// Where a layer reads the residual stream itself, its input cannot be shuffled, and says so.
    @Test func inputsWithoutANormBeforeKeepTheirOrder() throws {
        let olmo = try ModelArchitecture(configuration: ModelFixture("olmo2").configuration)
        let canShuffle = olmo.blocks[0].sites.map { if case .impossible = $0.shuffle { false } else { true } }
        #expect(canShuffle == [false, true, false, true])
    }
}
