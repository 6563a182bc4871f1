// A config.json as the metadata of a GGUF file: what `GGUFConfiguration` reads, the other way round.

package import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a GGUF file says about a model's shape.
package struct GGUFHyperparameters {
    /// The architecture.
    package let architecture: GGUFArchitecture
    /// Metadata under the architecture's name, in order.
    package private(set) var metadata: [(key: String, value: GGUFValue)] = []
    /// Vectors of divisors of the rotary frequencies, by name; stored as tensors of F32.
    package private(set) var rotaryDivisors: [(name: String, values: [Float])] = []
    /// What llama.cpp does otherwise than the model, one sentence each.
    package private(set) var notes: [String] = []
    /// The sizes that writing tensors needs.
    package let shape: GGUFShape

    private let config: JSONValue
    private let path: String

    /// Names of architectures whose `model_type` is another.
    private static let aliases = ["mistral": "llama", "gemma3": "gemma3"]

    /// Translates a config.json that describes a model of a supported family; its values were checked when the model was opened.
    ///
    /// - Parameters:
    ///   - configuration: the bytes of config.json.
    ///   - contextLength: positions that the model was made for.
    ///   - path: the checkpoint, for messages.
    /// - Throws: `FormatError` where the family or a setting has no equivalent in llama.cpp.
    package init(configuration: [UInt8], contextLength: Int, path: String) throws(FormatError) {
        let whole = try JSONParser.parse(configuration, path: path + "/config.json")
        // Of a multimodal model only the text part is there.
        let config = whole["text_config"]?.members == nil ? whole : whole["text_config"] ?? whole
        let kind = config["model_type"]?.text ?? whole["model_type"]?.text ?? "unnamed"
        let known = GGUFArchitecture.all
        guard let architecture = known.first(where: { $0.modelType == kind || $0.name == Self.aliases[kind] }) else {
            throw .unsupported(
                path: path, found: "a GGUF file of the model type \"\(kind.prefix(80))\"",
                supported: known.map(\.models).joined(separator: ", ") + " are; write safetensors instead")
        }
        self.architecture = architecture
        self.config = config
        self.path = path
        var settings: [String: JSONValue] = [:]
        for setting in architecture.settings {
            settings[setting.configurationKey] = try setting.value(in: config, earlier: settings, path: path)
        }
        settings["max_position_embeddings"] = .integer(contextLength)
        if architecture.isGemma, config["head_dim"] == nil { settings["head_dim"] = .integer(256) }
        shape = GGUFShape(settings: settings)
        for setting in architecture.settings where setting.configurationKey != "rope_theta" {
            guard let value = settings[setting.configurationKey].flatMap(GGUFValue.init) else { continue }
            add(setting.metadataKey, value)
        }
        add("attention.value_length", .integer(shape.headSize))
        if let size = config["vocab_size"]?.integer { add("vocab_size", .integer(size)) }
        try checkNature()
        addWindows(kind, contextLength: contextLength)
        try addRotary(contextLength: contextLength)
    }

    /// A Hugging Face tensor as the file holds it: what `GGUFWeights` gives, the other way round.
    ///
    /// - Throws: `TensorError`, never for a tensor of floating-point numbers.
    package func stored(_ tensor: Tensor, named name: String) throws -> Tensor {
        let table = architecture.tensors
        if table.normalizationOffset != 0, GGUFTensorTable.isNormalizationWeight(name) {
            return try Tensor(tensor.floats().map { $0 + table.normalizationOffset }, shape: tensor.shape)
        }
        let heads = table.reorderedHeads(
            of: name, queryHeads: shape.headCount, keyHeads: shape.keyValueHeadCount)
        return heads.map { tensor.gatheringRows(GGUFTensorTable.rowsInFile(tensor.rows, heads: $0)) } ?? tensor
    }

    /// Adds a value, in place of one that the key has already.
    private mutating func add(_ key: String, _ value: GGUFValue) {
        let key = "\(architecture.name).\(key)"
        metadata.removeAll { $0.key == key }
        metadata.append((key, value))
    }

    private func refusal(_ key: String, _ value: String, _ supported: String) -> FormatError {
        .unsupported(
            path: path, found: "\"\(key)\" \(value) in a GGUF file of the architecture \(architecture.name)",
            supported: "llama.cpp runs \(supported)")
    }

    /// Checks what llama.cpp takes for granted of an architecture.
    private func checkNature() throws(FormatError) {
        for (key, expected) in architecture.nature(shape).sorted(by: { $0.key < $1.key }) {
            guard let value = config[key], value.number != expected.number || value.text != expected.text else {
                continue
            }
            // Two more names for the same functions.
            let other = ["swish": "silu", "gelu_new": "gelu_pytorch_tanh"]
            if let text = value.text, other[text] == expected.text { continue }
            throw refusal(key, value.words, "models of this shape with \(expected.words)")
        }
        for cap in ["attn_logit_softcapping", "final_logit_softcapping"] {
            let setting = architecture.setting(cap)
            if setting == nil, let value = config[cap]?.number {
                throw refusal(cap, "\(value)", "\(architecture.models) without it")
            }
            // Where the file must have a number, nothing in it says that there is no cap.
            if case .number? = setting?.kind, case .null? = config.members?.first(where: { $0.name == cap })?.value {
                throw refusal(cap, "null", "\(architecture.models) with a number")
            }
        }
    }

    /// Windows of attention; families whose settings say whether one is used have none in llama.cpp.
    private mutating func addWindows(_ kind: String, contextLength: Int) {
        if architecture.windowPeriod != nil {
            if let kinds = config["layer_types"]?.array {
                add("attention.sliding_window_pattern", .bools(kinds.map { $0.text == "sliding_attention" }))
            } else if let pattern = config["sliding_window_pattern"]?.integer {
                add("attention.sliding_window_pattern", .integer(pattern))
            }
            return
        }
        let isUsed = ["qwen2", "qwen3"].contains(kind) ? config["use_sliding_window"]?.boolean ?? false : true
        guard isUsed, let window = config["sliding_window"]?.integer, window < contextLength else { return }
        notes.append(
            "llama.cpp runs this architecture without its window of \(window) tokens: texts longer than that get other results"
        )
    }

    private mutating func addRotary(contextLength: Int) throws(FormatError) {
        // transformers 5 has parameters for each kind of layer where a model has several.
        let given = config["rope_scaling"] ?? config["rope_parameters"]
        let settings = given?["full_attention"] ?? given
        let part = settings?["partial_rotary_factor"]?.number ?? config["partial_rotary_factor"]?.number ?? 1
        let size = Int(exactly: (Double(shape.headSize) * part).rounded(.down)) ?? shape.headSize
        var base = 10_000.0
        if case .number(let value)? = architecture.setting("rope_theta")?.fallback { base = value }
        base = settings?["rope_theta"]?.number ?? config["rope_theta"]?.number ?? base
        add("rope.dimension_count", .integer(size))
        add("rope.freq_base", .number(base))
        // transformers 5 has the local base beside the global one.
        if let local = given?["sliding_attention"]?["rope_theta"]?.number {
            add("rope.freq_base_swa", .number(local))
        }
        let kind = settings?["rope_type"]?.text ?? settings?["type"]?.text ?? "default"
        func number(_ key: String) throws(FormatError) -> Double {
            guard let value = settings?[key]?.number else {
                throw .invalidField(path: path + "/config.json", field: "rope_scaling.\(key)", reason: "is missing")
            }
            return value
        }
        let originalKey = "original_max_position_embeddings"
        let inner = settings?[originalKey]?.integer
        // What stands outside the rotary settings goes first, but not before those by kind of layer.
        let hasKinds = architecture.setting("rope_local_base_freq") != nil
        let original = hasKinds ? inner : config[originalKey]?.integer ?? inner
        switch kind {
        case "default": break
        case "linear":
            add("rope.scaling.type", .string("linear"))
            add("rope.scaling.factor", .number(try number("factor")))
        case "llama3":
            let divisors = Self.llama3Divisors(
                size: size, base: base, factor: try number("factor"), low: try number("low_freq_factor"),
                high: try number("high_freq_factor"), original: Double(original ?? contextLength))
            rotaryDivisors.append((GGUFTensorTable.Factors.llama3, divisors))
        // Phi-3's older checkpoints call longrope so.
        case "yarn" where architecture.mayHaveLongRope, "longrope", "su":
            try addLongRope(settings, size: size, original: original, contextLength: contextLength)
        case "yarn":
            try addYarn(settings, growth: try number("factor"), original: original ?? contextLength)
        default: throw refusal("rope_type", kind, "default, linear, llama3, yarn and longrope")
        }
    }

    private mutating func addYarn(_ settings: JSONValue?, growth: Double, original: Int) throws(FormatError) {
        if settings?["truncate"]?.boolean == false {
            throw refusal("truncate", "false", "yarn whose blend of frequencies is between whole pairs of channels")
        }
        add("rope.scaling.type", .string("yarn"))
        add("rope.scaling.factor", .number(growth))
        add("rope.scaling.original_context_length", .integer(original))
        let attention =
            settings?["attention_factor"]?.number
            ?? YarnAttention.factor(
                multiplier: settings?["mscale"]?.number, divisor: settings?["mscale_all_dim"]?.number, growth: growth)
        let ratio = Float(attention / YarnAttention.usual(growth: growth))
        guard ratio.isFinite, ratio > 0 else {
            throw refusal("attention_factor", "\(attention)", "yarn with positive factors in single precision")
        }
        if ratio != 1 { add("rope.scaling.attn_factor", .number(Double(ratio))) }
        for (key, usual) in [("beta_fast", 32.0), ("beta_slow", 1.0)] {
            // transformers takes 0 for nothing said.
            guard let value = settings?[key]?.number, value != 0 else { continue }
            add("rope.scaling.yarn_\(key)", .number(value))
            guard value != usual else { continue }
            notes.append(
                "llama.cpp runs this architecture's yarn with a \"\(key)\" of \(usual), not \(value): its rotary frequencies differ"
            )
        }
    }

    private mutating func addLongRope(
        _ settings: JSONValue?, size: Int, original: Int?, contextLength: Int
    ) throws(FormatError) {
        guard let original, original > 1, architecture.mayHaveLongRope else {
            throw refusal("rope_type", "longrope", "it for Phi-3, with \"original_max_position_embeddings\"")
        }
        let scale = Double(contextLength) / Double(original)
        let factor =
            settings?["attention_factor"]?.number
            ?? (scale > 1 ? (1 + log(scale) / log(Double(original))).squareRoot() : 1)
        add("rope.scaling.original_context_length", .integer(original))
        add("rope.scaling.attn_factor", .number(factor))
        for (key, name) in [
            ("long_factor", GGUFTensorTable.Factors.long), ("short_factor", GGUFTensorTable.Factors.short),
        ] {
            let values = settings?[key]?.array?.compactMap { $0.number.map { Float($0) } } ?? []
            guard values.count == size / 2 else {
                throw .invalidField(
                    path: path + "/config.json", field: "rope_scaling.\(key)", reason: "must be \(size / 2) numbers")
            }
            rotaryDivisors.append((name, values))
        }
    }

    /// What each rotary frequency is divided by, `[size / 2]`: 1 for short waves, the factor for long ones, blended between.
    private static func llama3Divisors(
        size: Int, base: Double, factor: Double, low: Double, high: Double, original: Double
    ) -> [Float] {
        (0..<size / 2).map { pair in
            let turns = original * pow(base, -2 * Double(pair) / Double(size)) / (2 * Double.pi)
            let kept = min(1, max(0, (turns - low) / (high - low)))
            return Float(1 / ((1 - kept) / factor + kept))
        }
    }
}

extension GGUFArchitecture {
    /// Whether it is one of Gemma's, whose heads have a size of their own.
    fileprivate var isGemma: Bool { tensors.normalizationOffset != 0 }

    /// Whether its files may hold two vectors of rotary divisors, for texts up to the original context length and beyond.
    fileprivate var mayHaveLongRope: Bool { setting("original_max_position_embeddings") != nil }

    /// The setting of a key of config.json.
    fileprivate func setting(_ key: String) -> GGUFSetting? { settings.first { $0.configurationKey == key } }
}

extension GGUFValue {
    /// A number of config.json, or nil for anything else.
    fileprivate init?(_ value: JSONValue) {
        switch value {
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .number(value)
        default: return nil
        }
    }
}

extension JSONValue {
    /// The value as one would write it in a sentence.
    fileprivate var words: String { text ?? integer.map { "\($0)" } ?? number.map { "\($0)" } ?? kind }
}
