// The global and local shuffles against hand-made vectors, a plain reference and exhaustive search.

import ESparseCPU
import ESparseCore
import ESparsePruning
import Testing

/// Patterns that do and do not fill bytes, and lopsided ones.
let testedPatterns = [(1, 2), (2, 4), (1, 4), (3, 4), (2, 3), (4, 8), (2, 5), (16, 32)].compactMap {
    SparsityPattern(kept: $0.0, group: $0.1)
}

@Suite struct GlobalShuffleTests {
    @Test func ranksByMeanSaliencyWithTiesByLowerChannel() {
        // Column sums 3, 9, 3, 7, 1, 7 over two matrices.
        let first = SaliencyMatrix([1, 4, 3, 7, 0, 2, 1, 4, 0, 0, 0, 2], columns: 6)
        let second = SaliencyMatrix([1, 1, 0, 0, 1, 3], columns: 6)
        #expect(GlobalShuffle().ranking(of: [first, second]) == [1, 3, 5, 0, 2, 4])
    }

    @Test func dealsSlicesToGroups() throws {
        let matrix = SaliencyMatrix([8, 7, 6, 5, 4, 3, 2, 1], columns: 8)
        let straight = GlobalShuffle(dealing: .straight).permutation(of: [matrix], pattern: .twoOfFour)
        #expect(straight.order == [0, 2, 4, 6, 1, 3, 5, 7])
        let snake = GlobalShuffle(dealing: .snake).permutation(of: [matrix], pattern: .twoOfFour)
        #expect(snake.order == [0, 3, 4, 7, 1, 2, 5, 6])
    }

    @Test(arguments: testedPatterns)
    func placesEverySliceInItsPosition(_ pattern: SparsityPattern) {
        let matrix = heavyTailed(rows: 5, columns: pattern.group * 6, seed: 3)
        for dealing in GlobalShuffle.Dealing.allCases {
            let shuffle = GlobalShuffle(dealing: dealing)
            let ranking = shuffle.ranking(of: [matrix])
            let order = shuffle.permutation(of: [matrix], pattern: pattern).order
            for slice in 0..<pattern.group {
                let dealt = (0..<6).map { order[$0 * pattern.group + slice] }
                let ranked = Array(ranking[(slice * 6)..<(slice * 6 + 6)])
                #expect(dealt == (dealing == .snake && slice % 2 == 1 ? ranked.reversed() : ranked))
            }
        }
    }
}

@Suite struct LocalShuffleTests {
    @Test func swapsWhatRaisesRetainedSaliency() throws {
        // 1:2: channels 0 and 1 share a group and are both large; the best partner for either is a small one.
        let matrix = SaliencyMatrix([9, 8, 1, 2], columns: 4)
        let pattern = try #require(SparsityPattern(kept: 1, group: 2))
        let outcome = LocalShuffle().refine(.identity(4), saliencies: [matrix], pattern: pattern, parallel: serial)
        #expect(outcome.permutation.order == [2, 1, 0, 3])
        #expect(outcome.retainedBefore == 11 && outcome.retainedAfter == 17 && outcome.swapCount == 1)
    }

    @Test(arguments: testedPatterns)
    func equalsThePlainSearchSwapForSwap(_ pattern: SparsityPattern) {
        let columns = pattern.group * 5
        for seed in 0..<(pattern.group > 8 ? 1 : 4) as Range<UInt64> {
            // Whole numbers have many ties, so this also checks that the lowest slots win.
            let matrices = [
                wholeNumbers(rows: 6, columns: columns, below: 9, seed: seed),
                wholeNumbers(rows: 3, columns: columns, below: 5, seed: seed + 100),
            ]
            let shuffle = LocalShuffle(blockSize: pattern.group * 3 + pattern.group / 2)
            let identity = Permutation.identity(columns)
            let outcome = shuffle.refine(identity, saliencies: matrices, pattern: pattern, parallel: concurrent)
            let reference = referenceLocalShuffle(
                identity.order, matrices, pattern, blockSize: shuffle.blockSize, minimalGain: shuffle.minimalGain)
            #expect(outcome.permutation.order == reference.order)
            #expect(outcome.swapCount == reference.swaps)
            #expect(outcome.retainedBefore == referenceRetained(identity.order, matrices, pattern))
            #expect(outcome.retainedAfter == referenceRetained(reference.order, matrices, pattern))
            #expect(outcome.retainedAfter >= outcome.retainedBefore)
        }
    }

    @Test func equalsThePlainSearchOnHeavyTails() {
        let matrices = [heavyTailed(rows: 40, columns: 32, seed: 1), heavyTailed(rows: 30, columns: 32, seed: 2)]
        let start = GlobalShuffle().permutation(of: matrices, pattern: .twoOfFour)
        let shuffle = LocalShuffle(blockSize: 16)
        let outcome = shuffle.refine(start, saliencies: matrices, pattern: .twoOfFour, parallel: serial)
        let reference = referenceLocalShuffle(start.order, matrices, .twoOfFour, blockSize: 16, minimalGain: 1e-5)
        #expect(outcome.swapCount > 3)
        #expect(outcome.permutation.order == reference.order)
    }

    /// Rows past one chunk, rows that do not fill lanes, and channels that do not fill tiles.
    @Test(arguments: [1, 15, 1024, 1025, 2100], testedPatterns)
    func reportsWhatTheMaskRetains(_ rows: Int, _ pattern: SparsityPattern) {
        let matrix = heavyTailed(rows: rows, columns: pattern.group * 7, seed: UInt64(rows))
        let start = GlobalShuffle().permutation(of: [matrix], pattern: pattern)
        let outcome = LocalShuffle().refine(start, saliencies: [matrix], pattern: pattern, parallel: serial)
        let before = referenceRetained(start.order, [matrix], pattern)
        let after = referenceRetained(outcome.permutation.order, [matrix], pattern)
        #expect(abs(outcome.retainedBefore - before) <= 1e-6 * before)
        #expect(abs(outcome.retainedAfter - after) <= 1e-6 * after)
        #expect(after >= before)
    }

    @Test(arguments: InstructionSet.available)
    func gainsAreExactAndTheSameBitsOnEveryInstructionSet(_ instructionSet: InstructionSet) {
        for pattern in testedPatterns {
            let columns = pattern.group * 3
            let matrix = heavyTailed(rows: 1100, columns: columns, seed: 11)
            let order = Permutation.identity(columns).order
            func table(_ set: InstructionSet) -> (gains: [Double], totals: [Double]) {
                let block = SaliencyBlock(channelCount: columns, rows: matrix.rows, instructionSet: set)
                block.fill(from: matrix.values, columns: columns, channels: order[...], firstRow: 0)
                var gains = [Double](repeating: 0, count: columns * columns)
                var totals = [Double](repeating: 0, count: 3)
                block.gains(order: order, pattern: pattern, groups: [0, 1, 2], gains: &gains, totals: &totals)
                return (gains, totals)
            }
            let (gains, totals) = table(instructionSet)
            let plain = table(.plain)
            #expect(gains == plain.gains && totals == plain.totals)
            // Sorting is slow: every fifth slot of large groups.
            for slot in stride(from: 0, to: columns, by: pattern.group > 8 ? 5 : 1) {
                let group = slot / pattern.group
                for channel in stride(from: slot % 3, to: columns, by: 3) where channel / pattern.group != group {
                    var members = Array(order[(group * pattern.group)..<((group + 1) * pattern.group)])
                    members[slot % pattern.group] = Int32(channel)
                    let exact = referenceGroupRetained(members, [matrix], pattern)
                    #expect(abs(gains[slot * columns + channel] - exact) <= 1e-6 * exact)
                }
            }
        }
    }

    @Test func neverBeatsExhaustiveSearchAndComesClose() {
        var sumOfShares = 0.0
        for seed in 0..<20 as Range<UInt64> {
            let matrix = heavyTailed(rows: 12, columns: 8, seed: seed)
            let start = GlobalShuffle().permutation(of: [matrix], pattern: .twoOfFour)
            let outcome = LocalShuffle().refine(start, saliencies: [matrix], pattern: .twoOfFour, parallel: serial)
            // Every split of eight channels in two groups of four that channel 0 is in the first of.
            var best = 0.0
            for members in 0..<256 where members.nonzeroBitCount == 4 && members & 1 == 1 {
                let first = (0..<8 as Range<Int32>).filter { members >> Int($0) & 1 == 1 }
                let second = (0..<8 as Range<Int32>).filter { members >> Int($0) & 1 == 0 }
                best = max(best, referenceRetained(first + second, [matrix], .twoOfFour))
            }
            #expect(outcome.retainedAfter <= best * (1 + 1e-6))
            sumOfShares += outcome.retainedAfter / best
        }
        #expect(sumOfShares / 20 > 0.995)
    }

    @Test func doesNotDependOnThreads() {
        let matrix = heavyTailed(rows: 200, columns: 1024, seed: 5)
        let start = GlobalShuffle().permutation(of: [matrix], pattern: .fourOfEight)
        let one = LocalShuffle().refine(start, saliencies: [matrix], pattern: .fourOfEight, parallel: serial)
        let many = LocalShuffle().refine(start, saliencies: [matrix], pattern: .fourOfEight, parallel: concurrent)
        #expect(one.permutation == many.permutation)
        #expect(one.retainedAfter == many.retainedAfter && one.swapCount == many.swapCount)
    }

    @Test func leavesNothingToSwapAlone() {
        let zeros = SaliencyMatrix([Float](repeating: 0, count: 64), columns: 16)
        let same = SaliencyMatrix([Float](repeating: 2.5, count: 64), columns: 16)
        for matrix in [zeros, same] {
            let outcome = LocalShuffle().refine(
                .identity(16), saliencies: [matrix], pattern: .twoOfFour, parallel: serial)
            #expect(outcome.permutation.isIdentity && outcome.swapCount == 0)
            #expect(outcome.retainedAfter == outcome.retainedBefore)
        }
        // One group a block: nothing to swap with.
        let matrix = heavyTailed(rows: 3, columns: 16, seed: 1)
        let outcome = LocalShuffle(blockSize: 4).refine(
            .identity(16), saliencies: [matrix], pattern: .twoOfFour, parallel: serial)
        #expect(outcome.permutation.isIdentity)
    }

    @Test func swapsStayInsideTheirBlock() {
        let matrix = heavyTailed(rows: 20, columns: 40, seed: 9)
        let outcome = LocalShuffle(blockSize: 16).refine(
            .identity(40), saliencies: [matrix], pattern: .twoOfFour, parallel: serial)
        for (position, channel) in outcome.permutation.order.enumerated() {
            #expect(position / 16 == Int(channel) / 16)
        }
        #expect(outcome.swapCount > 0)
    }

    @Test func retainedSaliencyEqualsTheReference() {
        let matrices = [wholeNumbers(rows: 9, columns: 24, below: 50, seed: 4)]
        let permutation = GlobalShuffle().permutation(of: matrices, pattern: .fourOfEight)
        let retained = LocalShuffle(blockSize: 10).retainedSaliency(
            permutation, saliencies: matrices, pattern: .fourOfEight, parallel: concurrent)
        #expect(retained == referenceRetained(permutation.order, matrices, .fourOfEight))
    }
}

@Suite struct ChannelShuffleTests {
    private let matrices = [wholeNumbers(rows: 8, columns: 48, below: 100, seed: 21)]

    private func search(_ steps: ShuffleSteps) -> ChannelShuffle.Outcome {
        ChannelShuffle(steps: steps).search(matrices, pattern: .twoOfFour, parallel: concurrent)
    }

    @Test(arguments: ShuffleSteps.allCases)
    func reportsEveryStep(_ steps: ShuffleSteps) {
        let outcome = search(steps)
        let identity = Permutation.identity(48)
        let dealt = GlobalShuffle().permutation(of: matrices, pattern: .twoOfFour)
        let start = steps == .none || steps == .local ? identity : dealt
        #expect(outcome.total == matrices[0].values.reduce(0) { $0 + Double($1) })
        #expect(outcome.retainedInOriginalOrder == referenceRetained(identity.order, matrices, .twoOfFour))
        #expect(outcome.retainedAfterGlobal == referenceRetained(start.order, matrices, .twoOfFour))
        #expect(
            outcome.retained == referenceRetained((outcome.permutation ?? identity).order, matrices, .twoOfFour))
        #expect(outcome.retained >= outcome.retainedAfterGlobal && outcome.retained < outcome.total)
        #expect((outcome.permutation == nil) == (steps == .none))
        #expect((outcome.swapCount > 0) == (steps == .local || steps == .both))
    }

    @Test func isTheSameOnEveryRun() {
        #expect(search(.both) == search(.both))
    }
}
