// How rotary frequencies are scaled for contexts longer than a model was first trained on.

import ESparseCore
import ESparseFormats

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How rotary frequencies are scaled. Single precision throughout, as in transformers, so that the frequencies are the same.
enum RotaryScaling {
    case none
    /// All frequencies divided by `factor`.
    case linear(factor: Float)
    /// LLaMA 3.1: frequencies of long waves divided by `factor`, of short ones kept, between them blended.
    case llama3(factor: Float, low: Float, high: Float, originalPositions: Float)
    /// YaRN, by the number of a channel pair.
    case yarn(YarnScaling)
    /// LongRoPE, by a divisor for each channel pair.
    case longRoPE(LongRoPEScaling)

    /// Reads the settings of LLaMA 3.1's.
    ///
    /// - Throws: `ModelError`.
    static func llama3(_ reader: RotaryReader) throws -> RotaryScaling {
        let low = try reader.number(reader.settings.lowFrequencyFactor, "low_freq_factor")
        let high = try reader.number(reader.settings.highFrequencyFactor, "high_freq_factor")
        guard low < high else {
            throw ModelError.invalidSetting(
                "\(reader.key).high_freq_factor", value: "\(high)", requirement: "above low_freq_factor (\(low))")
        }
        return .llama3(
            factor: try reader.number(reader.settings.factor, "factor"), low: low, high: high,
            originalPositions: Float(try reader.trainedPositions()))
    }

    /// Multiplies cosines and sines.
    var scale: Float {
        switch self {
        case .none, .linear, .llama3: 1
        case .yarn(let scaling): scaling.scale
        case .longRoPE(let scaling): scaling.scale
        }
    }

    /// Radians per position of each channel pair, `[pairs]`: `base^(-i / pairs)`, scaled.
    func frequencies(base: Float, pairs: Int) -> [Float] {
        switch self {
        case .none: RotaryScaling.frequencies(base: base, pairs: pairs)
        case .linear(let factor): RotaryScaling.frequencies(base: base, pairs: pairs).map { $0 / factor }
        case .llama3(let factor, let low, let high, let originalPositions):
            RotaryScaling.frequencies(base: base, pairs: pairs).map { frequency in
                let waves = originalPositions * frequency / (2 * Float.pi)
                if waves < low { return frequency / factor }
                if waves > high { return frequency }
                let kept = (waves - low) / (high - low)
                return (1 - kept) * frequency / factor + kept * frequency
            }
        case .yarn(let scaling): scaling.frequencies(base: base, pairs: pairs)
        case .longRoPE(let scaling): scaling.frequencies(base: base, divisors: scaling.short)
        }
    }

    /// Unscaled frequencies, `[pairs]`.
    fileprivate static func frequencies(base: Float, pairs: Int) -> [Float] {
        (0..<pairs).map { 1 / power(base, pair: $0, of: pairs) }
    }

    /// `base^(pair / pairs)`
    fileprivate static func power(_ base: Float, pair: Int, of pairs: Int) -> Float {
        pow(base, Float(2 * pair) / Float(2 * pairs))
    }
}

/// YaRN (arXiv 2309.00071, section 3): pairs that turn often within the first context keep their frequency, those that turn seldom have it
/// divided, and those between have a blend.
struct YarnScaling {
    let factor: Double
    let originalPositions: Int
    /// Turns within the first context above which a pair keeps its frequency, and below which it is divided.
    let rotations: (fast: Double, slow: Double)
    /// Whether the bounds of the blend are whole numbers of pairs.
    let truncates: Bool
    /// Multiplies cosines and sines.
    let scale: Float

    /// Reads the settings.
    ///
    /// - Throws: `ModelError`.
    init(_ reader: RotaryReader) throws {
        let settings = reader.settings
        originalPositions = try reader.trainedPositions()
        factor = try reader.growth(from: originalPositions)
        func turns(_ value: Double?, _ name: String, default fallback: Double) throws -> Double {
            guard let value, value != 0 else { return fallback }
            return Double(try reader.number(value, name))
        }
        rotations = (
            fast: try turns(settings.fastRotations, "beta_fast", default: 32),
            slow: try turns(settings.slowRotations, "beta_slow", default: 1)
        )
        truncates = settings.truncates ?? true
        let found =
            try settings.attentionFactor
            ?? YarnAttention.factor(
                multiplier: settings.attentionMultiplier.map { Double(try reader.number($0, "mscale", atLeast: 0)) },
                divisor: settings.attentionDivisor.map { Double(try reader.number($0, "mscale_all_dim", atLeast: 0)) },
                growth: factor)
        scale = try reader.number(found, "attention_factor", atLeast: 0)
    }

    /// Frequencies of `pairs` channel pairs; the base is above 1.
    func frequencies(base: Float, pairs: Int) -> [Float] {
        /// The pair that turns so often within the first context.
        func place(_ turns: Double) -> Double {
            Double(pairs) * log(Double(originalPositions) / (turns * 2 * Double.pi)) / log(Double(base))
        }
        var (low, high) = (place(rotations.fast), place(rotations.slow))
        if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, Double(2 * pairs - 1)))
        if low == high { high += 0.001 }
        return (0..<pairs).map { pair in
            let divided = min(max((Float(pair) - Float(low)) / Float(high - low), 0), 1)
            let power = RotaryScaling.power(base, pair: pair, of: pairs)
            return 1 / (Float(factor) * power) * divided + 1 / power * (1 - divided)
        }
    }
}

/// LongRoPE (arXiv 2402.13753) as Phi-3 has it: a divisor for each channel pair, other ones in sequences longer than the first context.
struct LongRoPEScaling {
    let short: [Float]
    let long: [Float]
    let afterPositions: Int
    /// Multiplies cosines and sines.
    let scale: Float

    /// Reads the settings for `pairs` channel pairs.
    ///
    /// - Throws: `ModelError`.
    init(_ reader: RotaryReader, pairs: Int) throws {
        short = try reader.divisors(reader.settings.shortFactors, "short_factor", count: pairs)
        long = try reader.divisors(reader.settings.longFactors, "long_factor", count: pairs)
        // The logarithm of 1 is 0.
        afterPositions = try reader.trainedPositions(atLeast: 2)
        let growth = log(max(try reader.growth(from: afterPositions), 1))
        let usual = (1 + growth / log(Double(afterPositions))).squareRoot()
        scale = try reader.number(reader.settings.attentionFactor ?? usual, "attention_factor", atLeast: 0)
    }

    /// Frequencies of the channel pairs with these divisors.
    func frequencies(base: Float, divisors: [Float]) -> [Float] {
        divisors.enumerated().map { pair, divisor in
            1 / (divisor * RotaryScaling.power(base, pair: pair, of: divisors.count))
        }
    }
}
