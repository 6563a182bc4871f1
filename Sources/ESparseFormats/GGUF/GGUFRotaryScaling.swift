// How a GGUF file scales rotary frequencies for long texts, as config.json's rope_scaling.

import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads `rope.scaling.*` and the tensors of factors.
struct GGUFRotaryScaling {
    private typealias Factors = GGUFTensorTable.Factors

    private let metadata: GGUFMetadata
    private let prefix: String
    private let settings: [String: JSONValue]
    private let rotarySize: Int

    /// - Parameters:
    ///   - metadata: the file's metadata.
    ///   - architecture: name of the architecture.
    ///   - settings: the architecture's settings under config.json's keys.
    ///   - rotarySize: channels of a head that are turned.
    init(metadata: GGUFMetadata, architecture: String, settings: [String: JSONValue], rotarySize: Int) {
        self.metadata = metadata
        self.settings = settings
        prefix = "\(architecture).rope.scaling."
        self.rotarySize = rotarySize
    }

    /// `rope_scaling`, or nil where frequencies are not scaled.
    ///
    /// - Throws: `FormatError` where the scaling is of an unknown kind, or its numbers are missing or odd.
    func configuration(files: GGUFFiles) throws(FormatError) -> JSONValue? {
        if files.entry(Factors.llama3) != nil { return try llama3(files) }
        if files.entry(Factors.long) != nil || files.entry(Factors.short) != nil { return try longRope(files) }
        let kind = try metadata.string(prefix + "type") ?? "linear"
        // Files older than rope.scaling.* hold the linear factor under rope.scale_linear.
        let oldFactor = try metadata.number(prefix.dropLast("scaling.".count) + "scale_linear")
        let factor = try metadata.number(prefix + "factor") ?? oldFactor
        switch kind {
        case "none": return nil
        case "linear":
            // As in llama.cpp: a factor without a type is linear, and 0 means no scaling.
            guard let factor, factor != 1, factor != 0 else { return nil }
            return .sorted(["rope_type": .text("linear"), "factor": number(factor)])
        case "yarn": return try yarn(factor: factor)
        default:
            throw .unsupported(
                path: metadata.path, found: "rotary scaling of type \"\(kind.prefix(80))\" without tensors of factors",
                supported: "the types none, linear and yarn are, and longrope and llama3 with their tensors")
        }
    }

    private func number(_ value: Double) -> JSONValue { .number(GGUFSetting.shortest(value)) }

    private func yarn(factor: Double?) throws(FormatError) -> JSONValue? {
        guard let factor else {
            throw .invalidField(path: metadata.path, field: prefix + "factor", reason: "is missing")
        }
        let ratio = try metadata.number(prefix + "attn_factor") ?? 1
        guard factor > 1 || ratio != 1 else { return nil }
        if let value = try metadata.number(prefix + "yarn_ext_factor"), value != 1 {
            throw .unsupported(
                path: metadata.path, found: "rotary scaling of type \"yarn\" with yarn_ext_factor \(value)",
                supported: "1 is")
        }
        var scaling: [String: JSONValue] = ["rope_type": .text("yarn"), "factor": number(factor)]
        scaling["original_max_position_embeddings"] =
            try metadata.integer(prefix + "original_context_length").map { .integer($0) }
            ?? settings["max_position_embeddings"]
        for key in ["beta_fast", "beta_slow"] {
            scaling[key] = try metadata.number(prefix + "yarn_" + key).map(number)
        }
        scaling["attention_factor"] = try attentionFactor(ratio: ratio, growth: factor).map(number)
        return .sorted(scaling)
    }

    /// YaRN's `attention_factor`, or nil where it is the usual one.
    private func attentionFactor(ratio: Double, growth: Double) throws(FormatError) -> Double? {
        // llama.cpp's converter writes what config.json says here, though llama.cpp does not read it.
        guard ratio != 1 else { return try metadata.number(prefix + "yarn_attn_factor") }
        let attention = ratio * YarnAttention.usual(growth: growth)
        guard attention > 0, Float(attention).isFinite else {
            throw .invalidField(
                path: metadata.path, field: prefix + "attn_factor", reason: "is \(ratio), which no model has")
        }
        return attention
    }

    /// Divisors of the frequencies, one for each pair of channels that is turned, `[rotary size / 2]`.
    private func divisors(_ name: String, in files: GGUFFiles) throws(FormatError) -> [Float] {
        let tensor = try files.tensor(name)
        let needed = rotarySize / 2
        guard let values = try? tensor.floats(), values.count == needed,
            values.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            let problem = TensorProblem.unexpected(
                type: tensor.elementType.rawValue, shape: tensor.shape, needed: "F32 [\(needed)], all above 0,")
            throw .invalidTensor(path: files.path, name: name, problem: problem)
        }
        return values
    }

    /// LongRoPE, as Phi-3's configurations write it.
    ///
    /// The file has the factor of the scores' scale, too; config.json needs it only where it is not what follows from the
    /// lengths (as transformers computes it).
    private func longRope(_ files: GGUFFiles) throws(FormatError) -> JSONValue {
        var scaling: [String: JSONValue] = ["type": .text("longrope")]
        for (key, name) in [("long_factor", Factors.long), ("short_factor", Factors.short)] {
            scaling[key] = .array(try divisors(name, in: files).map { number(Double($0)) })
        }
        let positions = Double(settings["max_position_embeddings"]?.integer ?? 1)
        let original = settings["original_max_position_embeddings"]?.integer.map(Double.init) ?? positions
        let scale = positions / original
        let expected = scale > 1 && original > 1 ? (1 + log(scale) / log(original)).squareRoot() : 1
        let factor = try metadata.number(prefix + "attn_factor") ?? 1
        if abs(factor - expected) > 1e-5 * expected { scaling["attention_factor"] = number(factor) }
        return .sorted(scaling)
    }

    /// Llama 3's scaling is stored as one divisor a frequency; Hugging Face wants the four numbers they come from.
    ///
    /// Three of the four are the same in all published models, so they are taken as given and the divisors recomputed to
    /// check them.
    private func llama3(_ files: GGUFFiles) throws(FormatError) -> JSONValue {
        let stored = try divisors(Factors.llama3, in: files)
        let base = settings["rope_theta"]?.number ?? 10_000
        let (low, high) = (1.0, 4.0)
        let factor = stored.last.map(Double.init) ?? 1
        for originalLength in [8192.0, 4096, 2048, 16384, 32768] {
            let matches = stored.enumerated().allSatisfy { index, stored in
                let frequency = pow(base, -2 * Double(index) / Double(rotarySize))
                let turns = originalLength * frequency / (2 * Double.pi)
                let smooth = min(1, max(0, (turns - low) / (high - low)))
                let expected = 1 / ((1 - smooth) / factor + smooth)
                return abs(expected - Double(stored)) <= 1e-3 * expected
            }
            if matches {
                return .sorted([
                    "rope_type": .text("llama3"), "factor": number(factor),
                    "low_freq_factor": .number(low), "high_freq_factor": .number(high),
                    "original_max_position_embeddings": .integer(Int(originalLength)),
                ])
            }
        }
        throw .unsupported(
            path: files.path, found: "the rotary scaling in \(Factors.llama3)",
            supported: "Llama 3's scaling with low and high factors 1 and 4 is")
    }
}
