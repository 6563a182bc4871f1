// The golden file of RIA, SparseGPT and RIA's permutation (scripts/fixtures/baselines.py says what each entry holds).

import ESparseCPU
import ESparseCore
import ESparsePruning
import FoundationEssentials

struct BaselineFixture: Decodable {
    struct Case: Decodable {
        let mask: String
        let updated: [Float]
        let outputError: Double
    }

    struct Shuffle: Decodable {
        let columns: Int
        let kept: Int
        let group: Int
        let saliency: [Float]
        let dealt: Double
        let assigned: Double
    }

    let sequences: Int
    let rows: Int
    let columns: Int
    let sixteenths: [Float]
    let weight: [Float]
    let ria: [Float]
    let riaMasks: [String: String]
    let inverseDiagonal: [Double]
    let cases: [String: Case]
    let shuffles: [Shuffle]

    static func load() throws -> BaselineFixture {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
        let data = try Data(contentsOf: folder.appending(path: "Fixtures/baselines.json"))
        return try JSONDecoder().decode(BaselineFixture.self, from: data)
    }

    /// The sequences' inputs, each `[T, columns]`.
    var inputs: [[Float]] {
        let length = sixteenths.count / sequences
        return (0..<sequences).map { sixteenths[($0 * length)..<(($0 + 1) * length)].map { $0 / 16 } }
    }

    var statistics: ChannelStatistics {
        var range = RangeStatistics(channelCount: columns)
        for sequence in inputs {
            range.accumulate(sequence.span)
            range.endSequence()
        }
        return ChannelStatistics(range: range)
    }

    /// Sums of products of the inputs, channels in the order given.
    func gram(order: Permutation? = nil, scale: Float = 1) -> GramMatrix {
        var gram = GramMatrix(channels: columns)
        let kernels = ChannelKernels(pool: ThreadPool(threadCount: 2), instructionSet: .forExactKernels)
        let order = order?.order ?? Permutation.identity(columns).order
        for original in inputs {
            let sequence = original.indices.map { index in
                scale * original[index / columns * columns + Int(order[index % columns])]
            }
            gram.appendSequence(sequence.span, using: kernels)
        }
        return gram
    }

    /// The mean over tokens of the squared output error of a pruned weight, summed over rows, in double precision.
    func outputError(_ pruned: [Float]) -> Double {
        var error = 0.0
        var tokens = 0
        for sequence in inputs {
            for token in 0..<(sequence.count / columns) {
                tokens += 1
                for row in 0..<rows {
                    var change = 0.0
                    for column in 0..<columns {
                        let difference = Double(weight[row * columns + column] - pruned[row * columns + column])
                        change += difference * Double(sequence[token * columns + column])
                    }
                    error += change * change
                }
            }
        }
        return error / Double(tokens)
    }
}

extension SiteCompensation {
    /// Factors the Hessian of sums of products and updates by it; also says what damping that took.
    static func make(
        _ update: WeightUpdate, _ gram: GramMatrix, order: Permutation? = nil
    ) throws -> (compensation: SiteCompensation, damping: Double) {
        let (factor, damping) = try gram.factor(order: order, damping: update.damping, site: "test")
        return (SiteCompensation(update, factor: factor, isDead: gram.isDead, order: order), damping)
    }
}
