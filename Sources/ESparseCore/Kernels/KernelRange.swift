// Which kernels a linear uses for which numbers of tokens, as reports say it.

/// A run of token counts for which a linear uses one kernel.
public struct KernelRange: Sendable, Codable, Equatable {
    /// The fewest tokens.
    public let firstTokens: Int
    /// The most tokens; nil where there is no end.
    public let lastTokens: Int?
    /// Name of the kernel.
    public let kernel: String
    /// "rule" or "profile".
    public let reason: String

    enum CodingKeys: String, CodingKey {
        case kernel, reason
        case firstTokens = "from_tokens"
        case lastTokens = "to_tokens"
    }

    /// "1-32 few-tokens-avx512 (rule)".
    public var description: String {
        let tokens = lastTokens.map { $0 == firstTokens ? "\(firstTokens)" : "\(firstTokens)-\($0)" }
        return "\(tokens ?? "\(firstTokens)+") \(kernel) (\(reason))"
    }
}

extension KernelRange {
    /// The runs of equal choices from 1 token to `most`, where the last one has no end.
    package static func ranges(
        upTo most: Int, choice: (_ tokens: Int) -> (kernel: String, reason: String)
    ) -> [KernelRange] {
        var ranges: [KernelRange] = []
        var first = 1
        for tokens in 1...max(most, 1) {
            let isEnd = tokens == most
            let current = choice(tokens)
            guard isEnd || choice(tokens + 1) != current else { continue }
            ranges.append(
                KernelRange(
                    firstTokens: first, lastTokens: isEnd ? nil : tokens, kernel: current.kernel,
                    reason: current.reason))
            first = tokens + 1
        }
        return ranges
    }
}

/// A backend that can say which kernels it runs.
public protocol KernelReporting: Backend {
    /// Which kernels a weight's linear would use, by number of tokens. Prepares nothing.
    func kernelRanges(of weight: LinearWeight) -> [KernelRange]
}
