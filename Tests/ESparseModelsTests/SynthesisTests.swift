// Known shapes against published parameter counts, and random weights that do not depend on the order of reading.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseTestSupport
import Testing

@Suite struct SynthesisTests {
    /// Published sizes, and the saving of bf16 2:4 on all block linears in percent of the model (docs: 9 bits of 16).
    @Test(
        arguments: [
            (.llama7B, 6_738_415_616, 42.05), (.llama13B, 13_015_864_320, 42.65), (.llama30B, 32_528_943_616, 43.18),
            (.llama65B, 65_285_660_672, 43.40), (.llama2With7B, 6_738_415_616, 42.05),
            (.llama3With8B, 8_030_261_248, nil),
            (.llama32With1B, 1_235_814_400, nil), (.tinyLlama, 1_100_048_384, nil), (.smolLM2, 134_515_008, nil),
            (.opt125M, 125_239_296, nil), (.opt1300M, 1_315_758_080, nil), (.opt6700M, 6_658_473_984, 42.33),
            (.opt13B, nil, 42.83), (.opt30B, nil, 43.20), (.mistral7B, 7_241_732_096, nil),
            (.qwen25With7B, 7_615_616_512, nil), (.qwen3With8B, 8_190_735_360, nil),
            (.gemma2With9B, 9_241_705_984, nil), (.gemma3With1B, 999_885_952, nil), (.phi3Mini, 3_821_079_552, nil),
            (.olmo2With7B, 7_298_617_344, nil),
        ] as [(KnownModel, Int?, Double?)])
    func sizes(_ known: KnownModel, _ parameters: Int?, _ saving: Double?) throws {
        let architecture = try ModelArchitecture(configuration: known.configuration())
        if let parameters { #expect(architecture.parameterCount == parameters) }
        if let saving {
            let linears = architecture.blocks.flatMap { $0.sites.flatMap(\.linears) }
            let pruned = linears.reduce(0) { $0 + $1.rows * $1.columns }
            let found = 43.75 * Double(pruned) / Double(architecture.parameterCount)
            #expect(abs(found - saving) < 0.006)
        }
        #expect(architecture.elementType == .bfloat16)
        #expect((architecture.beginToken != nil) == (known != .olmo2With7B))
    }

    @Test func everyModelHasAnArchitecture() throws {
        for known in KnownModel.allCases {
            #expect(try ModelArchitecture(configuration: known.configuration()).blockCount > 0)
        }
        let llama = try ModelArchitecture(configuration: KnownModel.llama32With1B.configuration())
        // LLaMA 3.2 divides its longest waves by 32 and keeps the shortest.
        let frequencies = try #require(llama.rotaryFrequencies)
        #expect(frequencies.first == 1)
        let longest = try #require(frequencies.last) * 32
        #expect(abs(longest - 3.013858e-6) < 1e-10)
    }

    @Test func chunksAreTheTensorInAnyOrder() throws {
        let architecture = try ModelArchitecture(configuration: KnownModel.smolLM2.configuration())
        let weights = SyntheticWeights(architecture, seed: 1)
        let name = "model.layers.3.mlp.down_proj.weight"
        #expect(weights.shape(of: name) == [576, 1536])
        #expect(weights.chunkCount(of: name) == 4)
        let last = weights.chunk(3, of: name)
        let whole = try weights.tensor(name)
        #expect(last.count == 576 * 1536 - 3 * SyntheticWeights.chunkElementCount)
        let tail = try whole.floats().suffix(last.count)
        #expect(Array(tail) == last.map { BFloat16(bitPattern: $0).float })
        let again = SyntheticWeights(architecture, seed: 1)
        #expect(again.chunk(3, of: name) == last)
        #expect(SyntheticWeights(architecture, seed: 2).chunk(3, of: name) != last)
        #expect(weights.chunk(3, of: "model.layers.4.mlp.down_proj.weight") != last)
        #expect(weights.chunk(0, of: name).prefix(100) != weights.chunk(1, of: name).prefix(100))
    }

    @Test func elementsHaveTheScaleOfTheirRole() throws {
        let architecture = try ModelArchitecture(configuration: KnownModel.smolLM2.configuration())
        let weights = SyntheticWeights(architecture, seed: 1)
        func moments(_ name: String) throws -> (mean: Float, deviation: Float) {
            let values = try weights.tensor(name).floats()
            let mean = values.reduce(0, +) / Float(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
            return (mean, variance.squareRoot())
        }
        let query = try moments("model.layers.0.self_attn.q_proj.weight")
        #expect(abs(query.mean) < 1e-3)
        #expect(abs(query.deviation * 24 - 1) < 0.01)
        let down = try moments("model.layers.0.mlp.down_proj.weight")
        #expect(abs(down.deviation * Float(1536 * 60).squareRoot() - 1) < 0.01)
        let norm = try moments("model.norm.weight")
        #expect(abs(norm.mean - 1) < 0.01)
        #expect(norm.deviation > 0.01)
    }

    /// A synthetic checkpoint has exactly the tensors its model needs, and gives likelihoods near those of chance.
    @Test(
        arguments: [
            "llama-llama3-rope-new", "opt-projected-untied", "opt-post-norm", "mistral-window", "qwen2", "qwen3",
            "gemma2", "gemma3-text", "phi3", "olmo2",
        ])
    func loadsAndRuns(_ name: String) throws {
        let fixture = try ModelFixture(name)
        let architecture = try ModelArchitecture(configuration: fixture.configuration)
        let weights = SyntheticWeights(architecture, seed: 4)
        #expect(Set(weights.tensorNames) == Set(architecture.expectedTensors.keys))
        #expect(weights.tensorNames == fixture.weights.tensorNames)
        let model = try LanguageModel.load(architecture: architecture, weights: weights, backend: ReferenceBackend())
        let losses = try model.negativeLogLikelihoods(of: [fixture.tokens])[0]
        let mean = losses.reduce(0, +) / Double(losses.count)
        #expect(mean > 3 && mean < 8)
    }
}
