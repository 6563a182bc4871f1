// GGUF: dequantisation and names against the gguf package, and files made to break a loader.

import ESparseCore
import ESparseFormats
import FoundationEssentials
import Testing

@Suite struct GGUFTests {
    @Test(arguments: [
        "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
        "IQ4_NL", "IQ4_XS",
    ])
    func dequantisesAsTheReference(_ type: String) throws {
        let file = try GGUFFile(path: fixture("quants.gguf"))
        let expected = try SafetensorsFile(path: fixture("quants.safetensors")).tensor(type)
        let tensor = try file.tensor(type)
        #expect(GGMLType.name(of: file.entries[type]?.typeNumber ?? 99) == type)
        #expect(tensor.shape == [3, 512])
        #expect(try tensor.floats().map(\.bitPattern) == expected.floats().map(\.bitPattern))
    }

    @Test func handCheckedBlock() throws {
        // One Q4_1 block: d = 0.5, m = -1, nibbles 0…15 low and 15…0 high.
        var file = GGUFBytes()
        file.addTensor("w", dimensions: [32], type: 3, offset: 0)
        file.data = [0x00, 0x38, 0x00, 0xBC]
        for index in 0..<16 as Range<UInt8> { file.data.append(index | (15 - index) << 4) }
        let values = try file.open().tensor("w").floats()
        let rising = (0..<16).map { Float($0) / 2 - 1 }
        #expect(values == rising + rising.reversed())
    }

    @Test func presentsLlamaUnderHuggingFaceNames() throws {
        let weights = try GGUFWeights(files: GGUFFiles(path: fixture("tiny-llama.gguf")))
        let expected = try SafetensorsFile(path: fixture("tiny-llama.safetensors"))
        #expect(weights.tensorNames == expected.entries.keys.sorted())
        for name in weights.tensorNames {
            let (tensor, reference) = (try weights.tensor(name), try expected.tensor(name))
            #expect(tensor.shape == reference.shape && weights.shape(of: name) == reference.shape)
            #expect(try tensor.floats() == reference.floats(), "\(name)")
        }
    }

    @Test func saysTheConfigurationAsHuggingFaceDoes() throws {
        let checkpoint = try Checkpoint.open(fixture("tiny-llama.gguf"))
        let config = try JSONParser.parse(Array(checkpoint.configuration))
        #expect(config["model_type"] == .text("llama"))
        #expect(config["num_key_value_heads"] == .integer(2) && config["head_dim"] == .integer(16))
        #expect(config["rms_norm_eps"] == .number(1e-5) && config["rope_theta"] == .number(100_000))
        #expect(config["rope_scaling"] == nil && config["tie_word_embeddings"] == .boolean(true))
        #expect(config["vocab_size"] == .integer(10) && config["attention_bias"] == .boolean(true))
        guard case .gguf(let metadata) = checkpoint.tokenizer else {
            Issue.record("the tokenizer is in the file")
            return
        }
        #expect(try metadata.strings("tokenizer.ggml.tokens")?.count == 10)
        #expect(try metadata.numbers("tokenizer.ggml.scores") == [Float](repeating: 0.5, count: 10))
        #expect(try metadata.bool("tokenizer.ggml.add_bos_token") == false)
    }

    @Test func recoversLlama3Scaling() throws {
        let configuration = try Checkpoint.open(fixture("tiny-llama3.gguf")).configuration
        let scaling = try JSONParser.parse(Array(configuration))["rope_scaling"]
        let expected = JSONValue.sorted([
            "rope_type": .text("llama3"), "factor": .number(32), "low_freq_factor": .number(1),
            "high_freq_factor": .number(4), "original_max_position_embeddings": .integer(8192),
        ])
        #expect(scaling == expected)
    }

    /// A file of two blocks, with the least that a configuration needs.
    private func smallFile(biases: [String], _ change: (inout GGUFBytes) -> Void = { _ in }) -> GGUFBytes {
        var file = GGUFBytes()
        file.addString("general.architecture", "llama")
        for (key, value) in [
            ("embedding_length", 32), ("block_count", 2), ("feed_forward_length", 32), ("attention.head_count", 2),
        ] as [(String, UInt32)] {
            file.addInteger("llama.\(key)", value)
        }
        change(&file)
        file.data = [UInt8](repeating: 0, count: 4096)
        for (index, name) in (["token_embd.weight"] + biases).enumerated() {
            file.addTensor(name, dimensions: [32], type: 0, offset: UInt64(128 * index))
        }
        return file
    }

    private func configuration(_ file: GGUFBytes) throws -> JSONValue {
        let opened = try GGUFFiles(files: [file.open()])
        return try JSONParser.parse(Array(GGUFConfiguration(metadata: opened.metadata).json(files: opened)))
    }

    @Test func biasesAreThoseOfAllBlocks() throws {
        let feedForward = (0..<2).flatMap { block in
            ["ffn_gate", "ffn_up", "ffn_down"].map { "blk.\(block).\($0).bias" }
        }
        let without = try configuration(smallFile(biases: []))
        #expect(without["attention_bias"] == .boolean(false) && without["mlp_bias"] == .boolean(false))
        let with = try configuration(smallFile(biases: feedForward))
        #expect(with["attention_bias"] == .boolean(false) && with["mlp_bias"] == .boolean(true))
        // Each on its own would be left out without a word.
        for name in ["blk.1.attn_q.bias", "blk.0.attn_output.bias", "blk.0.ffn_down.bias"] {
            let sentence = message { _ = try configuration(smallFile(biases: [name])) }
            #expect(sentence?.contains("a file with \(name) but without blk.0.") == true)
        }
        for name in ["output.bias", "token_embd.bias", "blk.0.attn_norm.bias"] {
            let sentence = message { _ = try GGUFWeights(files: GGUFFiles(files: [smallFile(biases: [name]).open()])) }
            #expect(sentence?.contains(name) == true)
        }
    }

    @Test func rotaryFactorsWithoutATypeAreLinear() throws {
        func scaling(_ factor: Float, type: String? = nil) throws -> JSONValue? {
            let file = smallFile(biases: []) { file in
                file.addValue("llama.rope.scaling.factor", type: 6, littleEndian(factor.bitPattern))
                if let type { file.addString("llama.rope.scaling.type", type) }
            }
            return try configuration(file)["rope_scaling"]
        }
        let linear = JSONValue.sorted(["rope_type": .text("linear"), "factor": .number(4)])
        #expect(try scaling(4) == linear && scaling(4, type: "linear") == linear)
        #expect(try scaling(4, type: "none") == nil && scaling(1) == nil && scaling(0) == nil)
    }

    @Test(arguments: [Float.nan, .infinity]) func numbersAreFinite(_ value: Float) throws {
        var file = GGUFBytes()
        file.addValue("epsilon", type: 6, littleEndian(value.bitPattern))
        let metadata = try file.open().metadata
        #expect(message { _ = try metadata.number("epsilon") }?.contains("a finite number is needed") == true)
    }

    @Test func refusesATypeBeforeReadingIt() throws {
        var bytes = try FileSystem.read(fixture("tiny-llama.gguf"))
        // The name's length, the name, two dimensions, then the type.
        let name = Array("blk.1.ffn_up.weight".utf8)
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
        let type = place + name.count + 4 + 16
        #expect(bytes[type] < 40)
        bytes[type] = 16
        let sentence = message {
            let file = try GGUFFile(path: "iq2.gguf", storage: ByteStorage(copying: bytes))
            try GGUFWeights(files: GGUFFiles(files: [file]))
                .checkElementType(of: "model.layers.1.mlp.up_proj.weight")
        }
        #expect(sentence?.contains("IQ2_XXS") == true && sentence?.contains("convert the model") == true)
    }

    @Test func readsAllMetadataTypes() throws {
        var file = GGUFBytes()
        file.addValue("u8", type: 0, [200])
        file.addValue("i8", type: 1, [200])
        file.addValue("i16", type: 3, littleEndian(Int16(-3)))
        file.addValue("f32", type: 6, littleEndian((0.5 as Float).bitPattern))
        file.addValue("bool", type: 7, [1])
        file.addValue("i64", type: 11, littleEndian(Int64.min))
        file.addValue("f64", type: 12, littleEndian((0.1).bitPattern))
        file.addValue("bools", type: 9, littleEndian(UInt32(7)) + littleEndian(UInt64(2)) + [0, 1])
        file.addValue("shorts", type: 9, littleEndian(UInt32(2)) + littleEndian(UInt64(2)) + [1, 0, 255, 255])
        let values = try file.open().metadata.values
        #expect(values["u8"] == .integer(200) && values["i8"] == .integer(-56) && values["i16"] == .integer(-3))
        #expect(values["f32"] == .number(0.5) && values["bool"] == .bool(true) && values["f64"] == .number(0.1))
        #expect(values["i64"] == .integer(.min) && values["bools"] == .bools([false, true]))
        #expect(values["shorts"] == .integers([1, 65535]))
    }

    static let huge: [UInt64] = [1 << 63 - 1, 1 << 63, .max, .max / 8, 1 << 40]

    @Test(arguments: huge) func lengthsAreBackedByBytes(_ length: UInt64) {
        for keyPath in [\GGUFBytes.tensorCount, \GGUFBytes.valueCount] {
            var file = GGUFBytes()
            file[keyPath: keyPath] = length
            #expect(message { _ = try file.open() }?.contains("truncated") == true)
        }
        var text = GGUFBytes()
        text.addValue("a", type: 8, littleEndian(length))
        #expect(message { _ = try text.open() }?.contains("truncated") == true)
        for elementType in [0, 4, 7, 8, 12] as [UInt32] {
            var array = GGUFBytes()
            array.addValue("a", type: 9, littleEndian(elementType) + littleEndian(length))
            #expect(message { _ = try array.open() }?.contains("truncated") == true)
        }
        var key = GGUFBytes()
        key.values.append(littleEndian(length) + [UInt8](repeating: 0, count: 20))
        #expect(message { _ = try key.open() }?.contains("truncated") == true)
    }

    @Test(arguments: [0, 3, 24, 1 << 31] as [UInt32]) func alignmentIsAPowerOfTwo(_ alignment: UInt32) {
        var file = GGUFBytes()
        file.addInteger("general.alignment", alignment)
        #expect(message { _ = try file.open() }?.contains("power of two") == true)
    }

    @Test func refusesOddMetadata() {
        func refused(_ says: String, _ build: (inout GGUFBytes) -> Void) {
            var file = GGUFBytes()
            build(&file)
            let sentence = message { _ = try file.open() }
            #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
        }
        refused("array of arrays") { $0.addValue("a", type: 9, littleEndian(UInt32(9)) + littleEndian(UInt64(1))) }
        refused("unknown type 13") { $0.addValue("a", type: 13, [0]) }
        refused("unknown type 99") { $0.addValue("a", type: 9, littleEndian(UInt32(99)) + littleEndian(UInt64(0))) }
        refused("63 bits") { $0.addValue("a", type: 10, littleEndian(UInt64.max)) }
        refused("more than once") {
            $0.addInteger("a", 1)
            $0.addInteger("a", 1)
        }
        refused("an integer is needed") { $0.addString("general.alignment", "32") }
        refused("version 1") { $0.version = 1 }
        refused("big-endian") { $0.version = UInt32(3).byteSwapped }
    }

    @Test func refusesOddTensors() {
        func refused(_ says: String, dataCount: Int = 64, _ build: (inout GGUFBytes) -> Void) {
            var file = GGUFBytes()
            file.data = [UInt8](repeating: 0, count: dataCount)
            build(&file)
            let sentence = message { _ = try file.open() }
            #expect(sentence?.contains(says) == true, "\(sentence ?? "accepted")")
        }
        refused("5 dimensions") { $0.addTensor("a", dimensions: [1, 1, 1, 1, 1], type: 0, offset: 0) }
        refused("too large") { $0.addTensor("a", dimensions: [1 << 40, 1 << 40], type: 0, offset: 0) }
        refused("too large") { $0.addTensor("a", dimensions: [1 << 62], type: 0, offset: 0) }
        refused("too large") { $0.addTensor("a", dimensions: [.max], type: 0, offset: 0) }
        refused("blocks of 256") { $0.addTensor("a", dimensions: [32, 8], type: 12, offset: 0) }
        refused("lies at bytes") { $0.addTensor("a", dimensions: [17], type: 0, offset: 0) }
        refused("lies at bytes") { $0.addTensor("a", dimensions: [1 << 50], type: 2, offset: 0) }
        refused("lies at bytes") { $0.addTensor("a", dimensions: [1], type: 0, offset: UInt64.max - 31) }
        refused("not a multiple") { $0.addTensor("a", dimensions: [1], type: 0, offset: 4) }
        refused("overlaps") {
            $0.addTensor("a", dimensions: [16], type: 0, offset: 0)
            $0.addTensor("b", dimensions: [1], type: 0, offset: 32)
        }
        refused("more than one") {
            $0.addTensor("a", dimensions: [1], type: 0, offset: 0)
            $0.addTensor("a", dimensions: [1], type: 0, offset: 32)
        }
    }

    @Test func unknownTypesMatterOnlyWhenAskedFor() throws {
        var bytes = GGUFBytes()
        bytes.addTensor("a", dimensions: [256], type: 15, offset: 0)
        bytes.addTensor("b", dimensions: [8], type: 0, offset: 32)
        bytes.data = [UInt8](repeating: 0, count: 64)
        let file = try bytes.open()
        #expect(try file.tensor("b").floats() == [Float](repeating: 0, count: 8))
        #expect(message { _ = try file.tensor("a") }?.contains("Q8_K") == true)
    }

    @Test func emptyTensorsOfAbsurdShapeAreHarmless() throws {
        var bytes = GGUFBytes()
        bytes.addTensor("a", dimensions: [0, 1 << 60], type: 2, offset: 0)
        #expect(try bytes.open().tensor("a").shape == [1 << 60, 0])
    }

    @Test func namesSupportedArchitectures() {
        var bytes = GGUFBytes()
        bytes.addString("general.architecture", "mamba")
        #expect(message { _ = try GGUFConfiguration(metadata: bytes.open().metadata) }?.contains("llama") == true)
    }

    /// The real model where it is at hand: every tensor's values are finite, and the figures of the data's README.
    static let smolLM2: String? = {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? ""
        let path = environment["ESPARSE_SMOLLM2"] ?? home + "/.cache/esparse/SmolLM2-135M-Instruct.Q4_1.gguf"
        return FileSystem.exists(path) ? path : nil
    }()

    @Test(.enabled(if: smolLM2 != nil, "needs the SmolLM2 GGUF file (ESPARSE_SMOLLM2)"))
    func readsSmolLM2() throws {
        let checkpoint = try Checkpoint.open(Self.smolLM2 ?? "")
        #expect(checkpoint.weights.shape(of: "model.embed_tokens.weight") == [49_152, 576])
        #expect(checkpoint.weights.tensorNames.count == 30 * 9 + 2)
        let start = ContinuousClock.now
        var count = 0
        for name in checkpoint.weights.tensorNames {
            let tensor = try checkpoint.weights.tensor(name)
            #expect(firstNonFinite(in: tensor) == nil)
            count += tensor.elementCount
        }
        let elapsed = ContinuousClock.now - start
        #expect(count == 134_515_008)
        print("dequantised \(count) weights in \(elapsed)")
        #expect(elapsed < .seconds(5), "dequantisation is far slower than it was measured to be")
    }
}
