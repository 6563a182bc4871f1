// GGUF architectures: settings and tensors of a tiny model of each against transformers, and files that contradict themselves.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

/// What scripts/fixtures/gguf_models.py wrote about a tiny model.
struct GGUFModelFixture {
    static let names = GGUFArchitecture.all.map(\.name)

    let path: String
    let expected: JSONValue

    init(_ name: String) throws {
        path = fixture("gguf/\(name).gguf")
        expected = try JSONParser.parse(FileSystem.read(fixture("gguf/\(name).json")))
    }
}

@Suite struct GGUFArchitectureTests {
    @Test(arguments: GGUFModelFixture.names) func settingsAreHuggingFaces(_ name: String) throws {
        let model = try GGUFModelFixture(name)
        let found = try JSONParser.parse(Array(Checkpoint.open(model.path).configuration))
        for member in try #require(model.expected["config"]?.members) {
            #expect(
                isSame(found[member.name], member.value), "\(member.name): \(String(describing: found[member.name]))")
        }
    }

    /// Whether two values say the same: 500 and 500.0 do, and objects may have their members in any order.
    private func isSame(_ found: JSONValue?, _ expected: JSONValue) -> Bool {
        if expected == .null { return found == nil }
        guard let found else { return false }
        if let number = expected.number { return found.number.map { abs($0 - number) <= 1e-6 * abs(number) } ?? false }
        if let elements = expected.array, let others = found.array {
            return elements.count == others.count && zip(others, elements).allSatisfy { isSame($0, $1) }
        }
        if let members = expected.members {
            return members.count == found.members?.count
                && members.allSatisfy { isSame(found[$0.name], $0.value) }
        }
        return found == expected
    }

    @Test(arguments: GGUFModelFixture.names) func tensorsAreHuggingFaces(_ name: String) throws {
        let model = try GGUFModelFixture(name)
        let weights = try Checkpoint.open(model.path).weights
        let tensors = try #require(model.expected["tensors"]?.members)
        #expect(weights.tensorNames == tensors.map(\.name).sorted())
        for tensor in tensors {
            let found = try weights.tensor(tensor.name)
            #expect(found.shape == tensor.value.array?[0].array?.compactMap(\.integer))
            #expect(weights.shape(of: tensor.name) == found.shape)
            #expect(try weights.elementType(of: tensor.name) == found.elementType)
            let bytes = try found.floats().flatMap { littleEndian($0.bitPattern) }
            #expect(InputDigest.of(bytes) == tensor.value.array?[1].text, "\(tensor.name)")
        }
    }

    /// Every name that an architecture has leads back to itself, and no other name leads anywhere.
    @Test(arguments: GGUFArchitecture.all.map(\.name)) func namesGoBothWays(_ name: String) throws {
        let table = try #require(GGUFArchitecture.named(name)).tensors
        let stored = try GGUFFile(path: fixture("gguf/\(name).gguf")).entries.keys
        for name in stored where !GGUFTensorTable.isDerived(name) {
            let canonical = try #require(table.canonicalName(name))
            #expect(table.storedName(canonical) == name)
        }
        for name in [
            "blk.0.attn_norm.bias", "blk.00.ffn_down.weight", "blk.+1.ffn_down.weight", "blk.-1.ffn_down.weight",
            "blk.0.ffn_down", "token_embd.bias", "token_embd.weight.weight", "ffn_down.weight", "blk.0.ffn_exps.weight",
            "",
        ] {
            #expect(table.canonicalName(name) == nil, "\(name)")
        }
        for name in [
            "model.layers.00.mlp.down_proj.weight", "model.layers.0.mlp.down_proj", "model.layers.0.weight",
            "lm_head.bias", "layers.0.mlp.down_proj.weight", "weight", "",
        ] {
            #expect(table.storedName(name) == nil, "\(name)")
        }
    }

    @Test func rowOrdersAreInverse() {
        let forth = GGUFTensorTable.rowsInFile(24, heads: 3)
        #expect(Array(forth[..<8]) == [0, 4, 1, 5, 2, 6, 3, 7])
        #expect(Set(forth).count == 24)
    }

    /// Metadata that is enough for a configuration, with changes.
    private func sentence(_ architecture: String, _ changes: [String: GGUFValue]) -> String? {
        message { _ = try configuration(architecture, changes) }
    }

    private func configuration(_ architecture: String, _ changes: [String: GGUFValue]) throws -> JSONValue {
        var file = GGUFBytes()
        file.addString("general.architecture", architecture)
        file.data = [UInt8](repeating: 0, count: 1024)
        file.addTensor("token_embd.weight", dimensions: [32], type: 0, offset: 0)
        let opened = try file.open()
        var values: [String: GGUFValue] = ["general.architecture": .string(architecture)]
        let sizes = [
            "embedding_length": 32, "block_count": 12, "feed_forward_length": 32, "attention.head_count": 2,
        ]
        for (key, value) in sizes { values["\(architecture).\(key)"] = .integer(value) }
        for (key, value) in changes { values["\(architecture).\(key)"] = value }
        let metadata = GGUFMetadata(path: "test.gguf", values: values)
        let json = try GGUFConfiguration(metadata: metadata).json(files: GGUFFiles(files: [opened]))
        return try JSONParser.parse(Array(json))
    }

    @Test(arguments: ["llama", "qwen3moe", "phimoe"]) func mixturesOfExpertsAreRefusedByName(_ name: String) {
        let sentence = sentence(name, ["expert_count": .integer(8)])
        #expect(sentence?.contains("a mixture of 8 experts (GGUF architecture \"\(name)\") is not supported") == true)
    }

    @Test func otherModelsOfAnArchitectureAreRefused() {
        #expect(sentence("olmo2", ["attention.sliding_window": .integer(4096)])?.contains("OLMo 3 (GGUF") == true)
        #expect(sentence("olmo2", ["attention.sliding_window": .integer(0)]) == nil)
        #expect(sentence("mamba", [:])?.contains("qwen3 (Qwen 3), gemma2 (Gemma 2)") == true)
        #expect(sentence("qwen3", ["rope.dimension_count": .integer(8)])?.contains("a rotary size of 8") == true)
    }

    @Test(arguments: [
        ("block_count", 0), ("block_count", 1 << 13), ("block_count", -1), ("embedding_length", 1 << 40),
        ("attention.head_count", 0), ("attention.sliding_window", -1),
    ])
    func sizesAreSound(_ key: String, _ value: Int) {
        #expect(sentence("gemma3", [key: .integer(value)])?.contains("gemma3.\(key)") == true)
    }

    /// What transformers takes where a configuration does not say; in Gemma 2 and 3 llama.cpp takes the same.
    @Test func defaultsAreTheArchitectures() throws {
        let gemma2 = try configuration("gemma2", [:])
        #expect(gemma2["attn_logit_softcapping"]?.number == 50 && gemma2["final_logit_softcapping"]?.number == 30)
        #expect(gemma2["sliding_window"] == .integer(4096) && gemma2["rope_theta"]?.number == 10_000)
        #expect(gemma2["max_position_embeddings"] == .integer(8192) && gemma2["query_pre_attn_scalar"] == .integer(16))
        #expect(
            try configuration("gemma2", ["block_count": .integer(46), "attention.key_length": .integer(8)])[
                "query_pre_attn_scalar"] == .integer(16))
        let gemma3 = try configuration("gemma3", [:])
        #expect(gemma3["rope_theta"]?.number == 1_000_000 && gemma3["rope_local_base_freq"]?.number == 10_000)
        #expect(gemma3["sliding_window"] == nil && gemma3["final_logit_softcapping"] == nil)
        #expect(gemma3["layer_types"]?.array?.allSatisfy { $0.text == "full_attention" } == true)
        #expect(try configuration("phi3", [:])["original_max_position_embeddings"] == .integer(4096))
        #expect(try configuration("phi3", ["attention.sliding_window": .integer(0)])["sliding_window"] == nil)
        #expect(try configuration("qwen3", [:])["attention_bias"] == .boolean(false))
        #expect(try configuration("qwen2", [:])["attention_bias"] == nil)
    }

    @Test func windowsFollowThePattern() throws {
        func windows(_ pattern: GGUFValue?, window: Int = 8, _ architecture: String = "gemma3") throws -> String {
            var changes: [String: GGUFValue] = ["attention.sliding_window": .integer(window)]
            changes["attention.sliding_window_pattern"] = pattern
            let types = try configuration(architecture, changes)["layer_types"]?.array ?? []
            return types.map { $0.text == "sliding_attention" ? "w" : "f" }.joined()
        }
        #expect(try windows(nil) == "wwwwwfwwwwwf")
        #expect(try windows(nil, "gemma2") == "wfwfwfwfwfwf")
        #expect(try windows(.integer(4)) == "wwwfwwwfwwwf")
        #expect(try windows(.integer(1)) == "ffffffffffff")
        #expect(try windows(.integer(0)) == "wwwwwwwwwwww")
        #expect(try windows(nil, window: 0) == "ffffffffffff")
        let list = (0..<12).map { $0 % 5 == 0 }
        #expect(try windows(.bools(list)) == "wffffwffffwf")
        #expect(try windows(.integers(list.map { $0 ? 1 : 0 })) == "wffffwffffwf")
        #expect(message { _ = try windows(.bools([true])) }?.contains("1 elements for 12 blocks") == true)
        #expect(message { _ = try windows(.integer(-1)) }?.contains("below 0") == true)
        #expect(message { _ = try windows(.string("all")) }?.contains("an integer is needed") == true)
    }

    @Test func scalesFrequenciesByYarn() throws {
        let plain: [String: GGUFValue] = ["rope.scaling.type": .string("yarn"), "rope.scaling.factor": .number(4)]
        #expect(
            try configuration("qwen2", plain)["rope_scaling"]
                == .sorted([
                    "rope_type": .text("yarn"), "factor": .number(4),
                    "original_max_position_embeddings": .integer(32_768),
                ]))
        let whole = plain.merging([
            "rope.scaling.original_context_length": .integer(64), "rope.scaling.yarn_attn_factor": .number(1.5),
            "rope.scaling.yarn_beta_fast": .number(16), "rope.scaling.yarn_beta_slow": .number(2),
            "rope.scaling.attn_factor": .number(1), "rope.scaling.yarn_ext_factor": .number(1),
        ]) { $1 }
        #expect(
            try configuration("llama", whole)["rope_scaling"]
                == .sorted([
                    "rope_type": .text("yarn"), "factor": .number(4), "original_max_position_embeddings": .integer(64),
                    "attention_factor": .number(1.5), "beta_fast": .number(16), "beta_slow": .number(2),
                ]))
        #expect(
            try configuration("qwen2", plain.merging(["rope.scaling.factor": .number(1)]) { $1 })["rope_scaling"] == nil
        )
        let odd = plain.merging(["rope.scaling.yarn_ext_factor": .number(0.5)]) { $1 }
        #expect(sentence("qwen2", odd)?.contains("with yarn_ext_factor 0.5 is not supported") == true)
        #expect(
            sentence("qwen2", ["rope.scaling.type": .string("yarn")])?.contains("rope.scaling.factor\" is missing")
                == true)
        #expect(
            sentence("phi3", ["rope.scaling.type": .string("longrope")])?
                .contains("type \"longrope\" without tensors of factors is not supported") == true)
    }

    /// llama.cpp multiplies 1 + 0.1 ln(4) = 1.1386294 by `attn_factor`, and reads `yarn_attn_factor` for Grok only.
    @Test func yarnsFactorIsAMultipleOfLlamaCppsOwn() throws {
        func attention(_ changes: [String: Double]) throws -> Double? {
            var metadata: [String: GGUFValue] = [
                "rope.scaling.type": .string("yarn"), "rope.scaling.factor": .number(4),
            ]
            for (key, value) in changes { metadata["rope.scaling.\(key)"] = .number(value) }
            return try configuration("qwen2", metadata)["rope_scaling"]?["attention_factor"]?.number
        }
        let half = try attention(["attn_factor": 0.5]) ?? 0
        let double = try attention(["attn_factor": 2, "yarn_attn_factor": 3]) ?? 0
        #expect(abs(half - 0.569_314_7) < 1e-6 && abs(double - 2.277_258_9) < 1e-6)
        #expect(try attention(["yarn_attn_factor": 3]) == 3)
        #expect(try attention(["attn_factor": 0.5, "factor": 1]) == 0.5)
        for value in [0, -1, 1e38 * 3] {
            #expect(message { _ = try attention(["attn_factor": value]) }?.contains("rope.scaling.attn_factor") == true)
        }
    }

    @Test func partsOfHeadsAreTurnedWhereTheArchitectureSaysSo() throws {
        func part(_ size: Int) throws -> JSONValue? {
            try configuration("phi3", ["rope.dimension_count": .integer(size)])["partial_rotary_factor"]
        }
        #expect(try part(12) == .number(0.75) && part(16) == nil)
        for size in [-2, 0, 5, 17, 18] {
            #expect(message { _ = try part(size) }?.contains("an even number of a head's channels") == true)
        }
    }

    @Test func longRopeNeedsBothLists() throws {
        let path = fixture("gguf/phi3.gguf")
        func opened(_ change: (inout [UInt8]) -> Void) throws -> JSONValue {
            var bytes = try FileSystem.read(path)
            change(&bytes)
            let files = try GGUFFiles(files: [GGUFFile(path: "phi3.gguf", storage: ByteStorage(copying: bytes))])
            return try JSONParser.parse(Array(GGUFConfiguration(metadata: files.metadata).json(files: files)))
        }
        func rename(_ old: String, _ new: String, _ bytes: inout [UInt8]) {
            let place = bytes.indices.first { bytes[$0...].starts(with: old.utf8) } ?? 0
            bytes.replaceSubrange(place..<place + old.utf8.count, with: Array(new.utf8))
        }
        #expect(try opened { _ in }["rope_scaling"]?["attention_factor"] == nil)
        let missing = message { _ = try opened { rename("rope_factors_long", "rope_factors_lung", &$0) } }
        #expect(missing?.contains("no tensor \"rope_factors_long.weight\"") == true)
        // Without its scale of scores the file is another model, whose configuration says so.
        let scale = try opened { rename("rope.scaling.attn_factor", "rope.scaling.attn_fuctor", &$0) }
        #expect(scale["rope_scaling"]?["attention_factor"] == .number(1))
    }
}
