// Checks the arithmetic of pruning on a device: statistics, masks, gains of swaps and refined masks.

package import ESparseCUDA
package import ESparseCore
import ESparseReference

/// One step of pruning and one size.
package enum PruningStep: String, CaseIterable {
    /// Sums, extremes and counts of channels.
    case statistics
    /// Sums of products of channels.
    case products
    /// Saliencies and the masks they choose.
    case masks
    /// What swaps of channels gain.
    case swaps
    /// What refined masks cost, before and after.
    case refinement

    /// Normalised mean squared error; sums of channels and masks have the exact bits.
    package var bound: Double {
        switch self {
        case .statistics, .masks: 0
        case .products, .swaps: 1e-11
        case .refinement: 1e-9
        }
    }
}

/// The checks of one size.
package struct PruningCheck: CustomStringConvertible {
    let tokens: Int
    let rows: Int
    let channels: Int
    package let pattern: SparsityPattern

    package var description: String { "\(tokens) tokens, \(rows)x\(channels), \(pattern)" }

    /// Small sizes with ragged ends, and for devices that are fast a large one.
    package static func all(isQuick: Bool) -> [PruningCheck] {
        let small = [
            PruningCheck(tokens: 70, rows: 20, channels: 40, pattern: .twoOfFour),
            PruningCheck(tokens: 33, rows: 9, channels: 48, pattern: .fourOfEight),
        ]
        return small + (isQuick ? [] : [PruningCheck(tokens: 2048, rows: 3000, channels: 1024, pattern: .twoOfFour)])
    }

    /// What a device computes, and the same in plain arithmetic.
    package func values(of step: PruningStep, on backend: CUDABackend) throws -> (values: [Float], reference: [Float]) {
        switch step {
        case .statistics: try statistics(backend)
        case .products: try products(backend)
        case .masks: try masks(backend)
        case .swaps: try swaps(backend)
        case .refinement: try refinement(backend)
        }
    }

    /// Numbers of 14 bits: sums in double precision are exact, and TF32, which has 11, would show.
    private func input() -> [Float] {
        var numbers = NumberSource(41)
        return numbers.integers(tokens * channels, below: 10_001).map { (Float($0) - 5000) / 1024 }
    }

    private func gather(_ backend: CUDABackend) throws -> SiteSums<CUDAProducts> {
        let accumulator = try backend.pruning.makeAccumulator(
            channels: channels, bins: LogarithmicBinning(exponents: -4...3, fractionBits: 1), sumsProducts: true)
        try accumulator.append(backend.activation(input(), channels: channels), skipping: 1)
        return try accumulator.finish()
    }

    private func statistics(_ backend: CUDABackend) throws -> ([Float], [Float]) {
        let sums = try gather(backend)
        let counts = sums.counts ?? []
        // Counts of positive and of negative values, 0 among the former.
        let bins = counts.count / channels
        let input = input()
        var (found, expected): ([Float], [Float]) = ([], [])
        for channel in 0..<channels {
            let values = (1..<tokens).map { input[$0 * channels + channel] }
            let own = counts[(channel * bins)..<((channel + 1) * bins)]
            found += [Float(sums.range.sum[channel]), Float(sums.range.sumOfSquares[channel])]
            found += [sums.range.minimum[channel], sums.range.maximum[channel]]
            found += [Float(own.prefix(bins / 2).reduce(0, +)), Float(own.suffix(bins / 2).reduce(0, +))]
            expected.append(Float(values.reduce(0.0) { $0 + Double($1) }))
            expected.append(Float(values.reduce(0.0) { $0 + Double($1) * Double($1) }))
            expected += [values.min() ?? 0, values.max() ?? 0]
            expected += [Float(values.count { $0 >= 0 }), Float(values.count { $0 < 0 })]
        }
        return (found, expected)
    }

    private func products(_ backend: CUDABackend) throws -> ([Float], [Float]) {
        let found = try gather(backend).products?.gram().values ?? []
        let input = input()
        var places: [(Int, Int)] = []
        for row in stride(from: 0, to: channels, by: 7) { places += [(row, 0), (row, row / 2), (row, row)] }
        let expected = places.map { row, column in
            (1..<tokens).reduce(0.0) { sum, token in
                sum + Double(input[token * channels + row]) * Double(input[token * channels + column])
            }
        }
        return (places.map { found[$0 * channels + $1] }, expected.map { Float($0) })
    }

    /// Weights, factors and their saliencies, without equal ones.
    private func scored(
        _ backend: CUDABackend
    ) throws -> (weight: Tensor, saliency: CUDASaliency, values: [Float]) {
        var numbers = NumberSource(43)
        let weight = try numbers.tensor([rows, channels])
        let factors = numbers.integers(channels, below: 9).map { Float($0 + 1) }
        let values = try weight.floats().enumerated().map { abs($1) * factors[$0 % channels] }
        return (weight, try backend.pruning.saliency(of: weight, factors: factors), values)
    }

    private func masks(_ backend: CUDABackend) throws -> ([Float], [Float]) {
        let (_, saliency, values) = try scored(backend)
        let bits = try saliency.maskBits(pattern: pattern, order: nil) { count, body in (0..<count).forEach(body) }
        let bytes = (channels + 7) / 8
        var (found, expected): ([Float], [Float]) = (try saliency.hostValues(), values)
        for row in 0..<rows {
            for start in stride(from: 0, to: channels, by: pattern.group) {
                let group = Array(start..<start + pattern.group)
                let ranked = group.sorted {
                    (-values[row * channels + $0], $0) < (-values[row * channels + $1], $1)
                }
                let kept = Set(ranked.prefix(pattern.kept))
                found += group.map { Float(bits[row * bytes + $0 / 8] >> UInt8($0 % 8) & 1) }
                expected += group.map { kept.contains($0) ? 1 : 0 }
            }
        }
        return (found, expected)
    }

    /// What the first group of a block would retain with channels of others in one of its slots.
    private func swaps(_ backend: CUDABackend) throws -> ([Float], [Float]) {
        let (_, saliency, values) = try scored(backend)
        let block = (0..<Int32(min(channels, 256))).map { $0 }
        let table = try CUDASaliency.swapTable(of: [saliency], blocks: [block], pattern: pattern)
        var gains = [SwapGains(block: 0, count: block.count, pattern: pattern, withGains: true)]
        try table.refresh(&gains)
        func retained(_ members: [Int]) -> Float {
            Float(
                (0..<rows).reduce(0.0) { sum, row in
                    let ranked = members.map { Double(values[row * channels + $0]) }.sorted(by: >)
                    return sum + ranked.prefix(pattern.kept).reduce(0, +)
                })
        }
        let members = Array(0..<pattern.group)
        var (found, expected) = ([Float(gains[0].totals[0])], [retained(members)])
        for channel in stride(from: pattern.group, to: block.count, by: 5) {
            for slot in members {
                var swapped = members
                swapped[slot] = channel
                found.append(Float(gains[0].gains[slot * block.count + channel]))
                expected.append(retained(swapped))
            }
        }
        return (found, expected)
    }

    /// The errors of masks as the device reports them; a refined mask that costs more than before counts as wrong.
    private func refinement(_ backend: CUDABackend) throws -> ([Float], [Float]) {
        let (weight, saliency, _) = try scored(backend)
        guard let products = try gather(backend).products,
            let refiner = try backend.pruning.refiner(products: products, order: nil, pattern: pattern)
        else { return ([.nan], [0]) }
        var bits = try saliency.maskBits(pattern: pattern, order: nil) { count, body in (0..<count).forEach(body) }
        let gram = try products.gram()
        let before = try cost(bits, gram)
        let figures = try refiner.refine(&bits, of: saliency, weight: weight) { count, body in
            (0..<count).forEach(body)
        }
        let after = try cost(bits, gram)
        let isBetter = figures.after < figures.before
        return ([Float(figures.before), isBetter ? Float(figures.after) : .nan], [Float(before), Float(after)])
    }

    /// `d H d^T` over all rows in double precision.
    private func cost(_ bits: [UInt8], _ gram: GramMatrix) throws -> Double {
        let (sums, scale) = (gram.values, 2 / Double(gram.tokenCount))
        let mean = (0..<channels).reduce(0.0) { $0 + scale * Double(sums[$1 * (channels + 1)]) } / Double(channels)
        var numbers = NumberSource(43)
        let weight = try numbers.tensor([rows, channels]).floats()
        let bytes = (channels + 7) / 8
        var total = 0.0
        for row in 0..<rows {
            let dropped = (0..<channels).filter { bits[row * bytes + $0 / 8] >> UInt8($0 % 8) & 1 == 0 }
            for first in dropped {
                let value = Double(weight[row * channels + first])
                for second in dropped where second <= first {
                    let product = scale * Double(sums[first * channels + second])
                    let term = value * Double(weight[row * channels + second]) * product
                    total += second < first ? 2 * term : term + value * value * RefinementLimits.damping * mean
                }
            }
        }
        return total
    }
}
