// Refined masks: the error never rises, no exchange is left that lowers it, and what is reported is what the mask costs.

import ESparseCPU
import ESparseCore
import ESparsePruning
import Testing

/// Random weights, a positive definite matrix and a mask that keeps the first N of each group.
private struct RefinementCase {
    let rows: Int
    let channels: Int
    let pattern: SparsityPattern
    var weight: [Float] = []
    var hessian: [Float] = []
    var bits: [UInt8] = []

    init(rows: Int, channels: Int, pattern: SparsityPattern, seed: UInt64) {
        self.rows = rows
        self.channels = channels
        self.pattern = pattern
        var generator = SeededRandom(seed: seed)
        func draw() -> Float { Float(2 * generator.uniform() - 1) }
        weight = (0..<rows * channels).map { _ in draw() }
        // A common part in all channels makes errors add up.
        let tokens = 2 * channels
        var inputs = (0..<tokens * channels).map { _ in draw() }
        for token in 0..<tokens {
            let common = draw()
            for channel in 0..<channels { inputs[token * channels + channel] += common }
        }
        hessian = [Float](repeating: 0, count: channels * channels)
        for row in 0..<channels {
            for column in 0..<channels {
                var sum: Float = 0
                for token in 0..<tokens {
                    sum += inputs[token * channels + row] * inputs[token * channels + column]
                }
                hessian[row * channels + column] = sum
            }
        }
        bits = [UInt8](repeating: 0, count: rows * ((channels + 7) / 8))
        for row in 0..<rows {
            for column in 0..<channels where column % pattern.group < pattern.kept {
                bits[row * ((channels + 7) / 8) + column / 8] |= 1 << UInt8(column % 8)
            }
        }
    }

    func isKept(_ bits: [UInt8], _ row: Int, _ column: Int) -> Bool {
        bits[row * ((channels + 7) / 8) + column / 8] >> UInt8(column % 8) & 1 == 1
    }

    /// `d H d^T` of one row in double precision, with `kept` saying which weights stay.
    func error(_ row: Int, kept: (Int) -> Bool) -> Double {
        let dropped = (0..<channels).map { kept($0) ? 0 : Double(weight[row * channels + $0]) }
        var sum = 0.0
        for first in 0..<channels where dropped[first] != 0 {
            for second in 0..<channels {
                sum += dropped[first] * Double(hessian[first * channels + second]) * dropped[second]
            }
        }
        return sum
    }

    func error(_ bits: [UInt8]) -> Double {
        (0..<rows).reduce(0) { sum, row in sum + error(row) { isKept(bits, row, $0) } }
    }

    func refined(
        parallel: ParallelLoop, instructionSet: InstructionSet = .plain
    ) -> (bits: [UInt8], before: Double, after: Double) {
        var bits = bits
        let errors = MaskRefinement(
            hessian: hessian, channels: channels, pattern: pattern, instructionSet: instructionSet
        ).run(bits: &bits, weight: weight, rows: rows, parallel: parallel)
        return (bits, errors.before, errors.after)
    }
}

@Suite struct MaskRefinementTests {
    private static let shapes: [(Int, Int, String)] = [
        (1, 4, "2:4"), (3, 8, "4:8"), (7, 24, "2:4"), (70, 32, "4:8"), (5, 12, "1:4"), (4, 9, "1:3"), (3, 20, "3:5"),
    ]

    @Test func exchangesByHand() throws {
        // Dropping 2 and -2 in channels that always carry the same costs nothing; keeping the largest two costs 1 + 1 - 2 * 1 * (-1).
        let pattern = try #require(SparsityPattern(kept: 1, group: 2))
        let hessian: [Float] = [1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1]
        // Channels 0 and 2 are one, 1 and 3 are one. Kept: 1 and 3, so 2 - (-2) is dropped of the first: error 0 already.
        var bits: [UInt8] = [0b1010]
        let refinement = MaskRefinement(hessian: hessian, channels: 4, pattern: pattern)
        var errors = refinement.run(bits: &bits, weight: [2, 3, -2, 3], rows: 1, parallel: serial)
        #expect(errors.before == 0 && errors.after == 0 && bits == [0b1010])
        // From the other side: 3 + 3 dropped in the second channel costs 36, and two exchanges take it away.
        bits = [0b0101]
        errors = refinement.run(bits: &bits, weight: [2, 3, -2, 3], rows: 1, parallel: serial)
        #expect(errors.before == 36 && errors.after == 0 && bits == [0b1010])
    }

    @Test(arguments: shapes) func noExchangeIsLeft(_ rows: Int, _ channels: Int, _ name: String) throws {
        let pattern = try #require(SparsityPattern(name))
        let trial = RefinementCase(rows: rows, channels: channels, pattern: pattern, seed: 7)
        let (bits, before, after) = trial.refined(parallel: serial)
        #expect(abs(before - trial.error(trial.bits)) <= 1e-4 * before)
        #expect(abs(after - trial.error(bits)) <= 1e-4 * before)
        #expect(after < before)
        for row in 0..<rows {
            for group in stride(from: 0, to: channels, by: pattern.group) {
                let members = group..<(group + pattern.group)
                #expect(members.count { trial.isKept(bits, row, $0) } == pattern.kept)
                let error = trial.error(row) { trial.isKept(bits, row, $0) }
                for drop in members where trial.isKept(bits, row, drop) {
                    for keep in members where !trial.isKept(bits, row, keep) {
                        let other = trial.error(row) { $0 == keep || ($0 != drop && trial.isKept(bits, row, $0)) }
                        #expect(other >= error - 1e-4 * before)
                    }
                }
            }
        }
    }

    @Test func independentChannelsKeepTheSaliencysMask() throws {
        let pattern = SparsityPattern.twoOfFour
        var trial = RefinementCase(rows: 9, channels: 16, pattern: pattern, seed: 3)
        trial.hessian = (0..<256).map { $0 % 17 == 0 ? Float($0 / 17 + 1) : 0 }
        let (bits, _, _) = trial.refined(parallel: serial)
        for row in 0..<9 {
            for group in stride(from: 0, to: 16, by: 4) {
                func cost(_ column: Int) -> Float {
                    let weight = trial.weight[row * 16 + column]
                    return weight * weight * Float(column + 1)
                }
                let best = Set((group..<(group + 4)).sorted { cost($0) > cost($1) }.prefix(2))
                #expect(best == Set((group..<(group + 4)).filter { trial.isKept(bits, row, $0) }))
            }
        }
    }

    @Test(arguments: InstructionSet.available) func theSameBitsOnEveryInstructionSet(_ set: InstructionSet) {
        // 76 channels are no whole number of vectors.
        let trial = RefinementCase(rows: 66, channels: 76, pattern: .twoOfFour, seed: 5)
        let (plain, other) = (trial.refined(parallel: serial), trial.refined(parallel: serial, instructionSet: set))
        #expect(plain.bits == other.bits && plain.after == other.after)
    }

    @Test func theSameBitsForAnyOrderOfTasks() {
        let trial = RefinementCase(rows: 200, channels: 32, pattern: .twoOfFour, seed: 11)
        let forward = trial.refined(parallel: serial)
        let backward = trial.refined { count, body in for index in (0..<count).reversed() { body(index) } }
        #expect(forward.bits == backward.bits && forward.after == backward.after)
    }
}
