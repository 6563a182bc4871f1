// Loading: what is missing or different is named, and input orders that cannot be given are refused.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseTestSupport
import Testing

@Suite struct LoadingTests {
    /// The error of loading a changed fixture, first as a whole, then (where the whole is fine) block by block.
    private func sentence(_ name: String, _ change: (inout MemoryWeights) throws -> Void) throws -> String {
        let fixture = try ModelFixture(name)
        var weights = fixture.weights
        try change(&weights)
        do {
            _ = try LanguageModel.load(
                configuration: fixture.configuration, weights: weights, backend: ReferenceBackend())
            return "loaded"
        } catch {
            return "\(error)"
        }
    }

    private func tensor(_ shape: [Int]) throws -> Tensor {
        try Tensor([Float](repeating: 0, count: shape.reduce(1, *)), shape: shape)
    }

    private func reversed(_ count: Int) throws -> Permutation {
        try #require(Permutation((0..<Int32(count)).reversed()))
    }

    @Test(arguments: [
        ("llama-plain", "lm_head.weight", [97, 32]),
        ("llama-plain", "model.layers.1.mlp.up_proj.weight", [48, 32]),
        ("llama-linear-rope", "model.layers.0.mlp.down_proj.bias", [32]),
        ("opt-plain", "model.decoder.embed_positions.weight", [42, 32]),
        ("qwen2", "model.layers.1.self_attn.k_proj.bias", [16]),
        ("qwen3", "model.layers.0.self_attn.q_norm.weight", [16]),
        ("gemma2", "model.layers.1.post_feedforward_layernorm.weight", [32]),
        ("gemma3-text", "model.layers.2.self_attn.k_norm.weight", [12]),
        ("phi3", "model.layers.0.self_attn.qkv_proj.weight", [64, 32]),
        ("phi3", "model.layers.1.mlp.gate_up_proj.weight", [96, 32]),
        ("olmo2", "model.layers.0.self_attn.k_norm.weight", [16]),
        ("opt-plain", "model.decoder.final_layer_norm.bias", [32]),
        ("opt-projected-untied", "model.decoder.project_in.weight", [32, 24]),
        ("opt-projected-untied", "model.decoder.project_out.weight", [24, 32]),
    ])
    func missingAndMisshapenTensors(_ name: String, _ missing: String, _ shape: [Int]) throws {
        let absent = try sentence(name) { $0.tensors[missing] = nil }
        #expect(absent.hasPrefix("the checkpoint has no tensor \(missing), which should have shape \(shape); "))
        let wrong = [shape[0] + 1] + shape.dropFirst()
        let misshapen = try sentence(name) { $0.tensors[missing] = try tensor(wrong) }
        #expect(misshapen.hasPrefix("tensor \(missing) has shape \(wrong), but config.json calls for \(shape); "))
    }

    @Test(arguments: ["model.embed_tokens.weight", "model.norm.weight", "model.layers.0.self_attn.q_proj.weight"])
    func integerWeights(_ name: String) throws {
        let found = try sentence("llama-plain") { weights in
            let shape = try weights.tensor(name).shape
            let zeros = ByteStorage(copying: [Int32](repeating: 0, count: shape.reduce(1, *)))
            weights.tensors[name] = try Tensor(elementType: .int32, shape: shape, storage: zeros)
        }
        #expect(found == "tensor \(name) has element type I32, but a weight must be F32, F16 or BF16")
    }

    /// A tied head is not read, whatever the checkpoint holds under its name.
    @Test func tensorsThatAreNotNeededAreIgnored() throws {
        let found = try sentence("llama-grouped-tied") { $0.tensors["lm_head.weight"] = try tensor([1]) }
        #expect(found == "loaded")
    }

    /// Writers that keep one of two names of a shared tensor may keep the head's.
    @Test(arguments: [
        ("llama-grouped-tied", "model.embed_tokens.weight"), ("opt-plain", "model.decoder.embed_tokens.weight"),
    ])
    func tiedTablesMayHaveTheHeadsName(_ name: String, _ table: String) throws {
        let found = try sentence(name) { $0.tensors["lm_head.weight"] = $0.tensors.removeValue(forKey: table) }
        #expect(found == "loaded")
        #expect(try sentence(name) { $0.tensors[table] = nil }.contains(table))
    }

    @Test func linearsOfOneInputMustAgree() throws {
        let found = try sentence("llama-plain") { weights in
            weights.permutations["model.layers.0.self_attn.q_proj.weight"] = try reversed(32)
            weights.permutations["model.layers.0.self_attn.k_proj.weight"] = try reversed(32)
        }
        #expect(
            found == "model.layers.0.self_attn.q_proj.weight and model.layers.0.self_attn.v_proj.weight "
                + "read the same input but expect its channels in different orders; prune the model again")
        // An order that changes nothing is the same as none.
        let identity = try sentence("llama-plain") { weights in
            weights.permutations["model.layers.0.self_attn.q_proj.weight"] = .identity(32)
            weights.permutations["model.layers.0.mlp.down_proj.weight"] = .identity(48)
        }
        #expect(identity == "loaded")
    }

    @Test func ordersThatCannotBeGiven() throws {
        let down = try sentence("llama-plain") {
            $0.permutations["model.layers.1.mlp.down_proj.weight"] = try reversed(48)
        }
        #expect(
            down
                == "model.layers.1.mlp.down_proj.weight expects its input channels in an order of its own, which cannot "
                + "be given: the rows of model.layers.1.mlp.gate_proj.weight and model.layers.1.mlp.up_proj.weight must "
                + "be in that order already")
        let residual = try sentence("opt-post-norm") {
            $0.permutations["model.decoder.layers.0.fc1.weight"] = try reversed(32)
        }
        #expect(residual.hasSuffix("in this model it reads the residual stream, not a norm's output"))
        let projection = try sentence("opt-projected-untied") {
            $0.permutations["model.decoder.project_out.weight"] = try reversed(32)
        }
        #expect(projection.hasSuffix("it is not part of a decoder block"))
        let size = try sentence("llama-plain") {
            $0.permutations["model.layers.0.self_attn.o_proj.weight"] = try reversed(31)
        }
        #expect(size.hasSuffix("it orders 31 channels, but the linear has 32"))
    }

    @Test func sequencesThatDoNotFit() throws {
        let opt = try ModelFixture("opt-plain").model(on: ReferenceBackend())
        #expect(throws: ModelError.tooManyPositions(needed: 41, available: 40)) {
            try opt.makeCache(sequenceCount: 1, capacity: 41)
        }
        #expect(throws: ModelError.tooManyPositions(needed: 41, available: 40)) {
            try opt.negativeLogLikelihoods(of: [Array(repeating: 3, count: 42)])
        }
        #expect(try opt.negativeLogLikelihoods(of: [Array(repeating: 3, count: 41)])[0].count == 40)
        #expect(throws: ModelError.tooFewTokens(needed: 2, found: 1)) { try opt.negativeLogLikelihoods(of: [[3]]) }
        #expect(throws: ModelError.tokenOutsideVocabulary(97, vocabularySize: 97)) {
            try opt.negativeLogLikelihoods(of: [[3, 97]])
        }
        let llama = try ModelFixture("llama-plain").model(on: ReferenceBackend())
        var cache = try llama.makeCache(sequenceCount: 1, capacity: 3)
        #expect(throws: ModelError.cacheTooSmall(needed: 4, available: 3)) {
            try llama.hidden([3, 4, 5, 6], batch: .wholeSequence(4), cache: &cache)
        }
        // Rotary positions go on beyond those of the training.
        #expect(try llama.negativeLogLikelihoods(of: [Array(repeating: 3, count: 80)])[0].count == 79)
    }
}
