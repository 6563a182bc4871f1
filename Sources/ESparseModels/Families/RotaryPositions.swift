// The rotary positions that a configuration asks for, checked: frequencies, their factor, and those of long sequences.

import ESparseCore

/// A checked description of rotary positions.
struct RotaryPositions {
    /// Radians per position of each channel pair that is turned, `[F]`.
    let frequencies: [Float]
    /// Multiplies cosines and sines.
    let scale: Float
    /// Frequencies of long sequences, where they have their own.
    let long: LongRotary?

    /// The rotary positions of a model whose layers have the same.
    ///
    /// - Throws: `ModelError` for missing, absurd or unsupported settings.
    init(_ settings: LlamaSettings) throws {
        let configuration = settings.configuration
        try self.init(
            settings, configuration.rotarySettings, key: configuration.rotaryKey,
            base: configuration.rotaryBase ?? 10_000, originalPositions: configuration.originalPositions)
    }

    /// The same of layers with settings of their own.
    ///
    /// - Parameters:
    ///   - settings: the model's other settings.
    ///   - rotary: the layers' rotary settings.
    ///   - key: where config.json has them.
    ///   - base: the base, where they say none.
    ///   - originalPositions: `original_max_position_embeddings` outside of `rotary`, which goes before the one in it; nil for settings by
    ///     kind of layer, where transformers does not look outside.
    init(
        _ settings: LlamaSettings, _ rotary: RotarySettings, key: String, base: Double, originalPositions: Int? = nil
    ) throws {
        if let part = rotary.partialRotaryFactor ?? settings.configuration.partialRotaryFactor, part != 1 {
            throw ModelError.unsupportedSetting("partial_rotary_factor", value: "\(part)", supported: "1")
        }
        let reader = RotaryReader(
            settings: rotary, key: key, positions: settings.positions, originalPositions: originalPositions)
        let pairs = settings.headSize / 2
        let scaling: RotaryScaling
        switch rotary.kind ?? rotary.oldKind ?? "default" {
        case "default": scaling = .none
        case "linear": scaling = .linear(factor: try reader.number(rotary.factor, "factor"))
        case "llama3": scaling = try .llama3(reader)
        case "yarn": scaling = .yarn(try YarnScaling(reader))
        case "longrope": scaling = .longRoPE(try LongRoPEScaling(reader, pairs: pairs))
        case let other:
            throw ModelError.unsupportedSetting(
                "\(key).rope_type", value: "\"\(other.prefix(80))\"",
                supported: "default, linear, llama3, yarn, longrope")
        }
        try self.init(base: rotary.base ?? base, scaling, pairs: pairs)
    }

    /// Those of Phi-3, which may turn a part of each head's channels; its older checkpoints call longrope "su" or "yarn".
    init(phi3 settings: LlamaSettings) throws {
        let configuration = settings.configuration
        let rotary = configuration.rotarySettings
        let part = rotary.partialRotaryFactor ?? configuration.partialRotaryFactor ?? 1
        let channels = part > 0 && part <= 1 ? Int(Double(settings.headSize) * part) : 0
        guard channels >= 2, channels.isMultiple(of: 2) else {
            throw ModelError.invalidSetting(
                "partial_rotary_factor", value: "\(part)",
                requirement:
                    "above 0 and at most 1, and leave an even number of the \(settings.headSize) channels of a head")
        }
        let reader = RotaryReader(
            settings: rotary, key: configuration.rotaryKey, positions: settings.positions,
            originalPositions: configuration.originalPositions ?? 4096)
        let scaling: RotaryScaling
        switch rotary.kind ?? rotary.oldKind ?? "default" {
        case "default": scaling = .none
        case "longrope", "su", "yarn": scaling = .longRoPE(try LongRoPEScaling(reader, pairs: channels / 2))
        case let other:
            throw ModelError.unsupportedSetting(
                "\(configuration.rotaryKey).rope_type", value: "\"\(other.prefix(80))\"",
                supported: "default, longrope")
        }
        try self.init(base: rotary.base ?? configuration.rotaryBase ?? 10_000, scaling, pairs: channels / 2)
    }

    private init(base: Double, _ scaling: RotaryScaling, pairs: Int) throws {
        // Yarn divides by the base's logarithm.
        let least: Float = if case .yarn = scaling { 1.001 } else { 1 }
        let base = try Settings.number(base, "rope_theta", atLeast: least)
        frequencies = scaling.frequencies(base: base, pairs: pairs)
        scale = scaling.scale
        long =
            if case .longRoPE(let scaling) = scaling {
                LongRotary(
                    frequencies: scaling.frequencies(base: base, divisors: scaling.long),
                    afterPositions: scaling.afterPositions)
            } else { nil }
    }
}

extension LlamaConfiguration {
    /// An older checkpoint's `rope_scaling` goes before `rope_parameters`, as in transformers.
    fileprivate var rotarySettings: RotarySettings { rotaryScaling ?? rotaryParameters ?? RotarySettings() }

    /// Where `rotarySettings` are.
    fileprivate var rotaryKey: String { rotaryScaling == nil ? "rope_parameters" : "rope_scaling" }
}
