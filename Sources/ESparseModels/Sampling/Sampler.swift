// Choosing the next token from logits.

public import ESparseCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How the next token is chosen. The filters apply in the order temperature, top-k, top-p, as in transformers.
public struct SamplingSettings: Sendable, Equatable {
    /// The settings, checked.
    public let rule: SamplingRule

    /// Checks and takes the settings.
    ///
    /// - Throws: `ModelError.invalidOption`.
    public init(temperature: Float, topK: Int? = nil, topP: Float? = nil) throws {
        guard temperature >= 0, temperature.isFinite else {
            throw ModelError.invalidOption("temperature", value: "\(temperature)", requirement: "0 or above")
        }
        if let topK, topK < 1 {
            throw ModelError.invalidOption("top-k", value: "\(topK)", requirement: "at least 1")
        }
        if let topP, !(topP > 0 && topP <= 1) {
            throw ModelError.invalidOption("top-p", value: "\(topP)", requirement: "above 0 and at most 1")
        }
        rule = SamplingRule(temperature: temperature, topK: topK, topP: topP)
    }

    private init() {
        rule = SamplingRule(temperature: 0)
    }

    /// Always the likeliest token; of equals the one with the lowest id.
    public static let greedy = SamplingSettings()
}

/// Draws tokens for one sequence, from a random stream of its own.
public struct Sampler: Sendable {
    let rule: SamplingRule
    private var random: SeededRandom

    /// Starts the random stream.
    public init(_ settings: SamplingSettings, random: SeededRandom) {
        rule = settings.rule
        self.random = random
    }

    /// The random number in `[0, 1)` that decides the next token; where the temperature is 0 none is drawn, and it is 0.
    mutating func nextUniform() -> Double { rule.temperature > 0 ? random.uniform() : 0 }

    /// Chooses a token from logits `[V]`.
    ///
    /// - Throws: `ModelError.logitsNotFinite` when a logit is NaN or the largest is infinite.
    public mutating func sample(_ logits: Span<Float>) throws -> Int32 {
        try choose(from: logits, uniform: nextUniform())
    }

    /// Chooses a token from logits `[V]` by a random number in `[0, 1)`: the first at which the probabilities, added up by ascending id,
    /// exceed it.
    ///
    /// - Throws: `ModelError.logitsNotFinite` when a logit is NaN or the largest is infinite.
    func choose(from logits: Span<Float>, uniform: Double) throws -> Int32 {
        let likeliest = try Sampler.likeliest(logits)
        guard rule.temperature > 0 else { return Int32(likeliest) }
        let kept = candidates(logits, largest: logits[likeliest])
        let total = kept.reduce(0) { $0 + $1.weight }
        var remaining = uniform * total
        for candidate in kept {
            remaining -= candidate.weight
            if remaining < 0 { return candidate.token }
        }
        // Rounding left a little: the last token that can be drawn at all.
        return kept.last { $0.weight > 0 }?.token ?? Int32(likeliest)
    }

    /// The index of the largest logit, the lowest of equals.
    private static func likeliest(_ logits: Span<Float>) throws -> Int {
        guard !logits.isEmpty else { throw ModelError.logitsNotFinite }
        var best = 0
        var hasNaN = false
        for index in logits.indices {
            if logits[index] > logits[best] { best = index }
            hasNaN = hasNaN || logits[index].isNaN
        }
        guard !hasNaN, logits[best].isFinite else { throw ModelError.logitsNotFinite }
        return best
    }

    /// The probability of every token after all filters, `[V]`; at temperature 0 the likeliest has all.
    ///
    /// - Throws: `ModelError.logitsNotFinite` when a logit is NaN or the largest is infinite.
    package func probabilities(_ logits: Span<Float>) throws -> [Double] {
        let likeliest = try Sampler.likeliest(logits)
        var probabilities = [Double](repeating: 0, count: logits.count)
        guard rule.temperature > 0 else {
            probabilities[likeliest] = 1
            return probabilities
        }
        let kept = candidates(logits, largest: logits[likeliest])
        let total = kept.reduce(0) { $0 + $1.weight }
        for candidate in kept { probabilities[Int(candidate.token)] = candidate.weight / total }
        return probabilities
    }

    private struct Candidate {
        let token: Int32
        /// Probability relative to the likeliest token's.
        let weight: Double
    }

    /// The tokens that pass the filters, by ascending id.
    private func candidates(_ logits: Span<Float>, largest: Float) -> [Candidate] {
        var threshold = -Float.infinity
        if let topK = rule.topK, topK < logits.count {
            threshold = Sampler.largest(topK, of: logits)
        }
        var kept: [Candidate] = []
        kept.reserveCapacity(min(rule.topK ?? logits.count, logits.count))
        for index in logits.indices where logits[index] >= threshold {
            let weight = Double(exp((logits[index] - largest) / rule.temperature))
            kept.append(Candidate(token: Int32(index), weight: weight))
        }
        if let topP = rule.topP, topP < 1 { Sampler.keepNucleus(&kept, topP: Double(topP)) }
        return kept
    }

    /// The k-th largest value: quickselect on a copy, with three-way partition so that equal values cost nothing.
    private static func largest(_ rank: Int, of logits: Span<Float>) -> Float {
        var values = logits.indices.map { logits[$0] }
        var rank = rank
        while true {
            let pivot = [values[0], values[values.count / 2], values[values.count - 1]].sorted()[1]
            let above = values.filter { $0 > pivot }
            if rank <= above.count {
                values = above
                continue
            }
            let notBelow = values.count(where: { $0 >= pivot })
            if rank <= notBelow { return pivot }
            values = values.filter { $0 < pivot }
            rank -= notBelow
        }
    }

    /// Drops the least likely tokens while those dropped have at most `1 - topP` of the probability.
    private static func keepNucleus(_ candidates: inout [Candidate], topP: Double) {
        let spare = (1 - topP) * candidates.reduce(0) { $0 + $1.weight }
        // All that weigh less than their even share of what may be dropped are dropped, so only the others are sorted.
        let floor = spare / Double(candidates.count)
        var kept = candidates.filter { $0.weight >= floor }
        if kept.isEmpty { kept = candidates }
        var cumulative =
            kept.count == candidates.count ? 0 : candidates.reduce(0) { $1.weight < floor ? $0 + $1.weight : $0 }
        let ascending = kept.indices.sorted { (kept[$0].weight, $1) < (kept[$1].weight, $0) }
        var isDropped = [Bool](repeating: false, count: kept.count)
        for index in ascending.dropLast() {
            cumulative += kept[index].weight
            if cumulative > spare { break }
            isDropped[index] = true
        }
        candidates = kept.indices.filter { !isDropped[$0] }.map { kept[$0] }
    }
}
