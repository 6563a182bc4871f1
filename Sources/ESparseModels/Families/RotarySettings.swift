// Rotary positions: the settings under `rope_parameters` or `rope_scaling`, and the frequencies they give.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rotary settings as config.json writes them.
struct RotarySettings: Codable {
    var kind: String?
    /// The key of `kind` in the oldest checkpoints.
    var oldKind: String?
    var base: Double?
    var factor: Double?
    var lowFrequencyFactor: Double?
    var highFrequencyFactor: Double?
    var originalPositions: Int?
    var partialRotaryFactor: Double?

    enum CodingKeys: String, CodingKey {
        case kind = "rope_type"
        case oldKind = "type"
        case base = "rope_theta"
        case factor
        case lowFrequencyFactor = "low_freq_factor"
        case highFrequencyFactor = "high_freq_factor"
        case originalPositions = "original_max_position_embeddings"
        case partialRotaryFactor = "partial_rotary_factor"
    }
}

/// How rotary frequencies are scaled for contexts longer than the model was first trained on.
enum RotaryScaling {
    case none
    /// All frequencies divided by `factor`.
    case linear(factor: Float)
    /// LLaMA 3.1: frequencies of long waves divided by `factor`, of short ones kept, between them blended.
    case llama3(factor: Float, low: Float, high: Float, originalPositions: Float)
}

/// A checked description of rotary positions.
struct RotaryPositions {
    let base: Float
    let scaling: RotaryScaling

    /// Checks the settings of a configuration.
    ///
    /// - Throws: `ModelError` for missing, absurd or unsupported settings.
    init(_ configuration: LlamaConfiguration) throws {
        // An older checkpoint's `rope_scaling` goes before `rope_parameters`, as in transformers.
        let key = configuration.rotaryScaling == nil ? "rope_parameters" : "rope_scaling"
        let settings = configuration.rotaryScaling ?? configuration.rotaryParameters ?? RotarySettings()
        base = try Settings.number(settings.base ?? configuration.rotaryBase ?? 10_000, "rope_theta", atLeast: 1)
        if let part = settings.partialRotaryFactor ?? configuration.partialRotaryFactor, part != 1 {
            throw ModelError.unsupportedSetting("partial_rotary_factor", value: "\(part)", supported: "1")
        }
        func number(_ value: Double?, _ name: String) throws -> Float {
            guard let value else { throw ModelError.missingSetting("\(key).\(name)") }
            return try Settings.number(value, "\(key).\(name)", atLeast: 1e-3)
        }
        switch settings.kind ?? settings.oldKind ?? "default" {
        case "default":
            scaling = .none
        case "linear":
            scaling = .linear(factor: try number(settings.factor, "factor"))
        case "llama3":
            let low = try number(settings.lowFrequencyFactor, "low_freq_factor")
            let high = try number(settings.highFrequencyFactor, "high_freq_factor")
            guard low < high else {
                throw ModelError.invalidSetting(
                    "\(key).high_freq_factor", value: "\(high)", requirement: "above low_freq_factor (\(low))")
            }
            let positions = settings.originalPositions ?? configuration.maximumPositions
            scaling = .llama3(
                factor: try number(settings.factor, "factor"), low: low, high: high,
                originalPositions: Float(
                    try Settings.size(
                        positions, "\(key).original_max_position_embeddings", limit: Settings.Limit.positions)))
        case let other:
            throw ModelError.unsupportedSetting(
                "\(key).rope_type", value: "\"\(other.prefix(80))\"", supported: "default, linear, llama3")
        }
    }

    /// Radians per position of each channel pair, `[headSize / 2]`: `base^(-2i / headSize)`, scaled.
    ///
    /// Single precision throughout, as in transformers, so that the frequencies are the same.
    func frequencies(headSize: Int) -> [Float] {
        (0..<headSize / 2).map { pair in
            let frequency = 1 / pow(base, Float(2 * pair) / Float(headSize))
            switch scaling {
            case .none:
                return frequency
            case .linear(let factor):
                return frequency / factor
            case .llama3(let factor, let low, let high, let originalPositions):
                let waves = originalPositions * frequency / (2 * Float.pi)
                if waves < low { return frequency / factor }
                if waves > high { return frequency }
                let kept = (waves - low) / (high - low)
                return (1 - kept) * frequency / factor + kept * frequency
            }
        }
    }
}
