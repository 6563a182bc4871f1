// Rotary settings as config.json writes them, under `rope_parameters` or `rope_scaling`.

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
    var attentionFactor: Double?
    var fastRotations: Double?
    var slowRotations: Double?
    var attentionMultiplier: Double?
    var attentionDivisor: Double?
    var truncates: Bool?
    var shortFactors: [Double]?
    var longFactors: [Double]?

    enum CodingKeys: String, CodingKey {
        case kind = "rope_type"
        case oldKind = "type"
        case base = "rope_theta"
        case factor
        case lowFrequencyFactor = "low_freq_factor"
        case highFrequencyFactor = "high_freq_factor"
        case originalPositions = "original_max_position_embeddings"
        case partialRotaryFactor = "partial_rotary_factor"
        case attentionFactor = "attention_factor"
        case fastRotations = "beta_fast"
        case slowRotations = "beta_slow"
        case attentionMultiplier = "mscale"
        case attentionDivisor = "mscale_all_dim"
        case truncates = "truncate"
        case shortFactors = "short_factor"
        case longFactors = "long_factor"
    }

    /// What `self` does not say, as `other` says it.
    func filled(by other: RotarySettings?) -> RotarySettings {
        guard let other else { return self }
        return RotarySettings(
            kind: kind ?? oldKind ?? other.kind, oldKind: other.oldKind, base: base ?? other.base,
            factor: factor ?? other.factor, lowFrequencyFactor: lowFrequencyFactor ?? other.lowFrequencyFactor,
            highFrequencyFactor: highFrequencyFactor ?? other.highFrequencyFactor,
            originalPositions: originalPositions ?? other.originalPositions,
            partialRotaryFactor: partialRotaryFactor ?? other.partialRotaryFactor,
            attentionFactor: attentionFactor ?? other.attentionFactor,
            fastRotations: fastRotations ?? other.fastRotations, slowRotations: slowRotations ?? other.slowRotations,
            attentionMultiplier: attentionMultiplier ?? other.attentionMultiplier,
            attentionDivisor: attentionDivisor ?? other.attentionDivisor, truncates: truncates ?? other.truncates,
            shortFactors: shortFactors ?? other.shortFactors, longFactors: longFactors ?? other.longFactors)
    }
}

/// Rotary settings with what else of a configuration bears on them, and checks of single values.
struct RotaryReader {
    let settings: RotarySettings
    /// Where config.json has the settings.
    let key: String
    /// `max_position_embeddings`
    let positions: Int
    /// Positions that the model was first trained on, where config.json says so outside the rotary settings.
    let originalPositions: Int?

    /// A number that must be there.
    ///
    /// - Throws: `ModelError` where it is missing, not finite or below `least`.
    func number(_ value: Double?, _ name: String, atLeast least: Float = 1e-3) throws -> Float {
        guard let value else { throw ModelError.missingSetting("\(key).\(name)") }
        return try Settings.number(value, "\(key).\(name)", atLeast: least)
    }

    /// Positions that the model was first trained on, at least `least`; `max_position_embeddings` where nothing says so. What stands outside
    /// the rotary settings goes first: `standardize_rope_params` of transformers.
    ///
    /// - Throws: `ModelError`.
    func trainedPositions(atLeast least: Int = 1) throws -> Int {
        let count = originalPositions ?? settings.originalPositions ?? positions
        let name = (originalPositions == nil ? key + "." : "") + "original_max_position_embeddings"
        guard count >= least else {
            throw ModelError.invalidSetting(name, value: "\(count)", requirement: "at least \(least)")
        }
        return try Settings.size(count, name, limit: Settings.Limit.positions)
    }

    /// By how much the context grew: `factor`, or the ratio of the positions now and first.
    ///
    /// - Throws: `ModelError`.
    func growth(from trained: Int) throws -> Double {
        guard let factor = settings.factor else { return Double(positions) / Double(trained) }
        return Double(try number(factor, "factor"))
    }

    /// One divisor for each of `count` channel pairs.
    ///
    /// - Throws: `ModelError` where there are none, or more or fewer, or one is no positive number.
    func divisors(_ values: [Double]?, _ name: String, count: Int) throws -> [Float] {
        guard let values else { throw ModelError.missingSetting("\(key).\(name)") }
        guard values.count == count else {
            throw ModelError.invalidSetting(
                "\(key).\(name)", value: "a list of \(values.count)",
                requirement: "a list of \(count), one for each channel pair that is turned")
        }
        return try values.map { try number($0, name) }
    }
}
