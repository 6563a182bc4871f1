// Reads what `esparse prune --diagnostics` wrote about channels and outputs, and sums it up for a report.

import ESparseFormats
import ESparsePruning
import FoundationEssentials

/// Channels before and after the shuffle, and what each linear retains and loses.
struct ChannelFindings: Sendable, Encodable {
    /// A linear of a decoder block.
    struct Linear: Sendable, Encodable {
        let block: Int
        /// Without what all blocks' names have in common, such as "q_proj".
        let name: String
        let retainedSaliency: Double?
        let outputError: Double?

        enum CodingKeys: String, CodingKey {
            case block, name
            case retainedSaliency = "retained_saliency"
            case outputError = "output_error"
        }
    }

    /// Means of groups of M channels over their site's mean, before and after the shuffle.
    struct Spread: Sendable, Encodable {
        let before: [Double]
        let after: [Double]

        /// Width of the middle half of each, so that a few huge channels do not decide it.
        var middleHalves: (before: Double, after: Double) { (Self.middleHalf(before), Self.middleHalf(after)) }

        private static func middleHalf(_ values: [Double]) -> Double {
            guard !values.isEmpty else { return 0 }
            let sorted = values.sorted()
            func quantile(_ share: Double) -> Double {
                let place = share * Double(sorted.count - 1)
                let below = Int(place)
                let above = min(below + 1, sorted.count - 1)
                return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
            }
            return quantile(0.75) - quantile(0.25)
        }

        private enum CodingKeys: String, CodingKey { case before, after }

        /// The middle halves: the channels themselves are in channels.json.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(middleHalves.before, forKey: .before)
            try container.encode(middleHalves.after, forKey: .after)
        }
    }

    /// M: channels of a group.
    let group: Int
    /// In order of data flow.
    let linears: [Linear]
    let amplitude: Spread
    /// Nil where the method estimated no entropies.
    let entropy: Spread?

    enum CodingKeys: String, CodingKey {
        case group, linears
        case amplitude = "amplitude_spread"
        case entropy = "entropy_spread"
    }

    /// Reads the file that `esparse prune --diagnostics` wrote.
    ///
    /// - Throws: `ReproductionError.noResult`.
    init(json: [UInt8]) throws {
        let found: PruningDiagnostics
        do {
            found = try JSONDecoder().decode(PruningDiagnostics.self, from: Data(json))
        } catch is DecodingError {
            throw ReproductionError.noResult(command: "esparse prune --diagnostics", reason: "its file is malformed")
        }
        let isUsable = found.sites.allSatisfy { site in
            site.order.map { Set($0) == Set(0..<Int32(site.amplitudes.count)) } ?? true
                && (site.entropies.map { $0.count == site.amplitudes.count } ?? true)
        }
        guard found.group > 0, isUsable else {
            throw ReproductionError.noResult(command: "esparse prune --diagnostics", reason: "its channels do not fit")
        }
        group = found.group
        linears = found.sites.flatMap { site in
            site.linears.map { linear in
                Linear(
                    block: site.block, name: Self.shortName(linear.name), retainedSaliency: linear.retainedSaliency,
                    outputError: linear.outputError)
            }
        }
        amplitude = Self.spread(found) { $0.amplitudes }
        let hasEntropies = !found.sites.isEmpty && found.sites.allSatisfy { $0.entropies != nil }
        entropy = hasEntropies ? Self.spread(found) { $0.entropies ?? [] } : nil
    }

    /// "model.layers.3.self_attn.q_proj.weight" is "q_proj".
    private static func shortName(_ name: String) -> String {
        let parts = name.split(separator: ".")
        return parts.count > 1 ? String(parts[parts.count - 2]) : name
    }

    private static func spread(
        _ diagnostics: PruningDiagnostics, of values: (SiteDiagnostics) -> [Float]
    ) -> Spread {
        func means(_ values: [Double]) -> [Double] {
            let mean = values.reduce(0, +) / Double(max(values.count, 1))
            guard mean > 0 else { return [] }
            return stride(from: 0, to: values.count, by: diagnostics.group).map { start in
                let group = values[start..<min(start + diagnostics.group, values.count)]
                return group.reduce(0, +) / Double(group.count) / mean
            }
        }
        var (before, after): ([Double], [Double]) = ([], [])
        for site in diagnostics.sites {
            let original = values(site).map { Double($0) }
            before += means(original)
            after += means(site.order.map { $0.map { original[Int($0)] } } ?? original)
        }
        return Spread(before: before, after: after)
    }
}
