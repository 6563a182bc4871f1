// GGUF files are those of the gguf package, byte for byte; numbers that a type cannot hold are refused.

import ESparseCore
import ESparseFormats
import Testing

@Suite struct GGUFWriterTests {
    @Test func writesTheFileOfTheReference() throws {
        // Made by scripts/fixtures/gguf_written.py.
        let reference = try GGUFFile(path: fixture("written.gguf"))
        let matrix = try reference.tensor("F32")
        let folder = try TemporaryFolder()
        let path = folder.path + "/written.gguf"
        let types: [(name: String, type: GGUFWrittenType)] = [
            ("F32", .f32), ("BF16", .bf16), ("F16", .f16), ("Q8_0", .q8Zero),
        ]
        let writer = try GGUFWriter(
            path: path,
            metadata: [
                ("general.architecture", .string("llama")), ("general.type", .string("model")),
                ("an.integer", .integer(4_000_000_000)), ("a.negative.integer", .integer(-7)),
                ("a.number", .number(1e-5)), ("a.truth", .bool(true)), ("a.text", .string("Wörter\n")),
                ("integers", .integers([3, -1, 6])), ("numbers", .numbers([0.5, -2])),
                ("truths", .bools([true, false])), ("texts", .strings(["", "▁a"])),
            ],
            entries: [GGUFWriter.Entry(name: "norm", type: .f32, shape: [7])]
                + types.map { GGUFWriter.Entry(name: $0.name, type: $0.type, shape: matrix.shape) })
        for (name, _) in types.reversed() { try writer.write(matrix, named: name) }
        try writer.write(reference.tensor("norm"), named: "norm")
        #expect(!FileSystem.exists(path))
        try writer.finish()
        #expect(try FileSystem.read(path) == FileSystem.read(fixture("written.gguf")))
    }

    @Test func oneWriterAtATime() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/x.gguf"
        let entry = GGUFWriter.Entry(name: "w", type: .f32, shape: [2])
        // What a killed writer left is no obstacle.
        try folder.write([1, 2, 3], to: "x.gguf.partial")
        let first = try GGUFWriter(path: path, metadata: [], entries: [entry])
        #expect(throws: FormatError.runInProgress(path: path)) {
            try GGUFWriter(path: path, metadata: [], entries: [entry])
        }
        try first.write(Tensor([1, 2], shape: [2]), named: "w")
        try first.finish()
        #expect(try GGUFFile(path: path).tensor("w").floats() == [1, 2])
        #expect(try FileSystem.names(in: folder.path) == ["x.gguf"])
    }

    @Test func roundsHalvesAwayFromZero() {
        // d = 127 / 127 = 1; in half precision 0x3C00.
        var values = [Float](repeating: 0, count: 32)
        values.replaceSubrange(0..<7, with: [0.5, -0.5, 1.5, 2.49, -127, 126.5, 3])
        var bytes: [UInt8] = []
        #expect(BlockEncoding.encode(values, as: .q8Zero, into: &bytes) == nil)
        let quants: [Int8] = [1, -1, 2, 2, -127, 127, 3]
        #expect(Array(bytes.prefix(9)) == [0x00, 0x3C] + quants.map { UInt8(bitPattern: $0) })
        #expect(bytes.count == 34 && bytes.dropFirst(9).allSatisfy { $0 == 0 })
    }

    @Test(arguments: [
        (Float.nan, GGUFWrittenType.q8Zero), (.infinity, .q8Zero), (-Float.greatestFiniteMagnitude, .q8Zero),
        (65520, .f16), (-.infinity, .f16), (.nan, .bf16), (.greatestFiniteMagnitude, .bf16), (.infinity, .f32),
    ]) func refusesWhatATypeCannotHold(_ value: Float, _ type: GGUFWrittenType) throws {
        let folder = try TemporaryFolder()
        var values = [Float](repeating: 1, count: 64)
        values[40] = value
        let path = folder.path + "/x.gguf"
        let writer = try GGUFWriter(
            path: path, metadata: [], entries: [GGUFWriter.Entry(name: "w", type: type, shape: [2, 32])])
        let sentence = message { try writer.write(Tensor(values, shape: [2, 32]), named: "w") }
        #expect(sentence?.contains("the weight \(value) of w") == true, "\(sentence ?? "accepted")")
        #expect(!FileSystem.exists(path))
    }

    @Test func tinyNumbersHaveNoScale() {
        // 1 / d overflows, and d is 0 in half precision.
        let values = [Float](repeating: .leastNonzeroMagnitude, count: 32)
        var bytes: [UInt8] = []
        #expect(BlockEncoding.encode(values, as: .q8Zero, into: &bytes) == nil)
        #expect(bytes == [UInt8](repeating: 0, count: 34))
    }

    @Test func rowsAreThoseTheReaderUndoes() throws {
        // Two heads of four rows: row 2 i + p of a head is its row 2 p + i.
        #expect(GGUFTensorTable.rowsInFile(8, heads: 2) == [0, 2, 1, 3, 4, 6, 5, 7])
    }

    /// Keys that llama.cpp's converter leaves out where its readers take the same, and ours writes; and one of which nothing is
    /// left in config.json.
    private static let unsaid: Set = ["rope.scaling.yarn_ext_factor", "attention.sliding_window"]

    /// The files of architectures were made by llama.cpp's converter (scripts/fixtures/gguf_models.py).
    @Test(arguments: [
        "tiny-llama.gguf", "tiny-llama3.gguf", "gguf/llama.gguf", "gguf/qwen2.gguf", "gguf/qwen3.gguf",
        "gguf/gemma2.gguf",
        "gguf/gemma3.gguf", "gguf/phi3.gguf", "gguf/olmo2.gguf",
    ]) func metadataIsThatOfTheFileThatWasRead(_ name: String) throws {
        let checkpoint = try Checkpoint.open(fixture(name))
        guard case .gguf(let metadata) = checkpoint.tokenizer else {
            Issue.record("a GGUF file has its tokenizer in it")
            return
        }
        let file = try GGUFFile(path: fixture(name))
        let config = try JSONParser.parse(Array(checkpoint.configuration))
        let written = try GGUFHyperparameters(
            configuration: Array(checkpoint.configuration),
            contextLength: #require(config["max_position_embeddings"]?.integer), path: name)
        #expect(try metadata.string("general.architecture") == written.architecture.name)
        let values = Dictionary(written.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        #expect(values.count == written.metadata.count)
        let prefix = written.architecture.name + "."
        for (key, value) in metadata.values
        where key.hasPrefix(prefix) && !Self.unsaid.contains(String(key.dropFirst(prefix.count))) {
            #expect(Self.isSame(values[key], value), "\(key): \(value) became \(String(describing: values[key]))")
        }
        for tensor in checkpoint.weights.tensorNames {
            let stored = try written.stored(checkpoint.weights.tensor(tensor), named: tensor)
            let place = try #require(written.architecture.tensors.storedName(tensor))
            #expect(try stored.floats() == file.tensor(place).floats(), "\(tensor)")
        }
        let derived = file.entries.keys.filter { $0.hasPrefix("rope_") }.sorted()
        #expect(written.rotaryDivisors.map(\.name).sorted() == derived)
        for (name, found) in written.rotaryDivisors where derived.contains(name) {
            for (found, expected) in zip(found, try file.tensor(name).floats()) {
                #expect(abs(found - expected) <= 1e-6 * expected, "\(name)")
            }
        }
    }

    /// Whether two values are the same, numbers as singles.
    private static func isSame(_ first: GGUFValue?, _ second: GGUFValue) -> Bool {
        if case .number(let left)? = first, case .number(let right) = second { return Float(left) == Float(right) }
        return first == second
    }

    private func hyperparameters(_ settings: String) throws -> GGUFHyperparameters {
        let common =
            #""hidden_size":64,"intermediate_size":96,"num_hidden_layers":2,"num_attention_heads":4,"vocab_size":10"#
        return try GGUFHyperparameters(
            configuration: Array("{\(common),\(settings)}".utf8), contextLength: 4096, path: "model")
    }

    @Test(arguments: [
        (#""model_type":"opt""#, "model type \"opt\""), (#""model_type":"llama","hidden_act":"gelu""#, "hidden_act"),
        (#""model_type":"llama","rope_scaling":{"rope_type":"dynamic"}"#, "rope_type"),
        (#""model_type":"llama","rope_scaling":{"rope_type":"linear"}"#, "factor"),
        (#""model_type":"llama","rope_scaling":{"rope_type":"longrope"}"#, "longrope"),
        (
            #""model_type":"llama","rope_scaling":{"rope_type":"yarn","factor":4,"truncate":false}"#,
            "\"truncate\" false"
        ),
        (
            #""model_type":"llama","rope_scaling":{"rope_type":"yarn","factor":4,"attention_factor":0}"#,
            "\"attention_factor\" 0.0"
        ),
        (#""model_type":"gemma2","attn_logit_softcapping":null"#, "attn_logit_softcapping"),
        (#""model_type":"gemma2","final_logit_softcapping":null"#, "Gemma 2 with a number"),
        (#""model_type":"gemma3_text","attn_logit_softcapping":50"#, "Gemma 3 without it"),
        (#""model_type":"gemma3_text","query_pre_attn_scalar":100"#, "query_pre_attn_scalar"),
        (
            #""model_type":"phi3","original_max_position_embeddings":2048,"rope_scaling":{"type":"longrope"}"#,
            "must be 8 numbers"
        ),
    ]) func refusesWhatLlamaCppHasNot(_ settings: String, _ says: String) {
        let sentence = message { _ = try hyperparameters(settings) }
        #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
    }

    /// As transformers chooses it (FamilyConfigurationTests has the models' side).
    @Test(arguments: [
        (#""model_type":"llama","rope_scaling":{"rope_type":"yarn","factor":2}"#, 4096),
        (
            #""model_type":"llama","original_max_position_embeddings":512,"#
                + #""rope_scaling":{"rope_type":"yarn","factor":2,"original_max_position_embeddings":2048}"#, 512
        ),
        (
            #""model_type":"gemma3_text","original_max_position_embeddings":512,"rope_parameters":{"full_attention":"#
                + #"{"rope_type":"yarn","factor":2,"original_max_position_embeddings":2048}}"#, 2048
        ),
    ]) func positionsOutsideTheRotarySettingsGoFirst(_ settings: String, _ expected: Int) throws {
        let metadata = try hyperparameters(settings).metadata
        let found = metadata.first(where: { $0.key.hasSuffix(".original_context_length") })?.value
        #expect(found == .integer(expected))
    }

    /// The config.json of a file with this metadata.
    private func read(_ written: GGUFHyperparameters) throws -> JSONValue {
        var file = GGUFBytes()
        file.addString("general.architecture", written.architecture.name)
        file.data = [UInt8](repeating: 0, count: 1024)
        file.addTensor("token_embd.weight", dimensions: [32], type: 0, offset: 0)
        let opened = try file.open()
        var values = Dictionary(written.metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        values["general.architecture"] = .string(written.architecture.name)
        let metadata = GGUFMetadata(path: "test.gguf", values: values)
        let json = try GGUFConfiguration(metadata: metadata).json(files: GGUFFiles(files: [opened]))
        return try JSONParser.parse(Array(json))
    }

    /// llama.cpp multiplies its own factor, 1 + 0.1 ln(4) = 1.1386294, by the file's.
    @Test(
        arguments: [
            (#""attention_factor":1.5"#, 1.317_373_3, 1.5), (#""attention_factor":1.0"#, 0.878_248_9, 1),
            (#""mscale":1,"mscale_all_dim":0.5"#, 0.935_178_4, 1.064_821_6),
            (#""mscale":1,"mscale_all_dim":0"#, nil, nil), (#""beta_fast":32"#, nil, nil),
        ] as [(String, Double?, Double?)])
    func yarnsFactorIsWrittenAsAMultipleOfLlamaCppsOwn(_ settings: String, _ stored: Double?, _ found: Double?) throws {
        let written = try hyperparameters(
            #""model_type":"llama","rope_scaling":{"rope_type":"yarn","factor":4,\#(settings)}"#)
        #expect(!written.metadata.contains { $0.key == "llama.rope.scaling.yarn_attn_factor" })
        let value = written.metadata.first { $0.key == "llama.rope.scaling.attn_factor" }?.value
        let attention = try read(written)["rope_scaling"]?["attention_factor"]?.number
        guard let stored, let found else {
            #expect(value == nil && attention == nil)
            return
        }
        guard case .number(let ratio)? = value else {
            Issue.record("no factor was written")
            return
        }
        #expect(abs(ratio - stored) < 1e-6 && abs((attention ?? 0) - found) < 1e-6)
    }

    @Test func yarnsBoundsThatLlamaCppDoesNotReadAreNoted() throws {
        let yarn = #""model_type":"llama","rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":16,"beta_slow":1}"#
        let written = try hyperparameters(yarn)
        #expect(written.notes.count == 1 && written.notes.first?.contains("\"beta_fast\" of 32.0, not 16.0") == true)
    }

    @Test func windowsThatLlamaCppLeavesOutAreNoted() throws {
        let mistral = try hyperparameters(#""model_type":"mistral","sliding_window":1024"#)
        #expect(mistral.notes.first?.contains("1024 tokens") == true && mistral.architecture.name == "llama")
        let qwen = try hyperparameters(#""model_type":"qwen2","sliding_window":1024,"use_sliding_window":false"#)
        #expect(qwen.notes.isEmpty && qwen.architecture.name == "qwen2")
    }
}
