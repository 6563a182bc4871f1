// The local shuffle against RIA's linear assignment and against exhaustive search.

import ESparseCPU
import ESparseCore
import ESparsePruning
import Testing

/// Every split of `channels` in groups of `size`, as an order.
private func partitions(_ channels: [Int32], size: Int) -> [[Int32]] {
    guard let first = channels.first else { return [[]] }
    return combinations(Array(channels.dropFirst()), size - 1).flatMap { companions in
        let rest = channels.filter { $0 != first && !companions.contains($0) }
        return partitions(rest, size: size).map { [first] + companions + $0 }
    }
}

private func combinations(_ channels: [Int32], _ count: Int) -> [[Int32]] {
    guard count > 0 else { return [[]] }
    return channels.indices.flatMap { index in
        combinations(Array(channels[(index + 1)...]), count - 1).map { [channels[index]] + $0 }
    }
}

@Suite struct AssignmentShuffleTests {
    @Test func retainsWhatScipysAssignmentRetains() throws {
        for entry in try BaselineFixture.load().shuffles {
            let pattern = try #require(SparsityPattern(kept: entry.kept, group: entry.group))
            let matrix = SaliencyMatrix(entry.saliency, columns: entry.columns)
            let outcome = ChannelShuffle(steps: .assignment).search([matrix], pattern: pattern, parallel: serial)
            let order = try #require(outcome.permutation).order
            // Equally good assignments may lead to different ones later on.
            #expect(outcome.retained >= 0.998 * entry.assigned, "\(entry.columns) channels, \(pattern)")
            #expect(outcome.retainedAfterGlobal == entry.dealt)
            #expect(outcome.retained == referenceRetained(order, [matrix], pattern))
            #expect(outcome.retained >= outcome.retainedAfterGlobal)
        }
    }

    @Test func givesEachGroupTheChannelThatSuitsIt() throws {
        // 1:2. Dealt as 0 and 3, 1 and 2. Column 3 is large where column 1 is not.
        let matrix = SaliencyMatrix([9, 0, 9, 0, 0, 8, 0, 7], columns: 4)
        let pattern = try #require(SparsityPattern(kept: 1, group: 2))
        let start = try #require(Permutation([0, 2, 1, 3]))
        let order = AssignmentShuffle().refine(start, saliencies: [matrix], pattern: pattern, parallel: serial)
        #expect(referenceRetained(start.order, [matrix], pattern) == 9 + 8)
        #expect(referenceRetained(order.order, [matrix], pattern) == 18 + 15)
    }

    @Test func staysInsideItsBlocks() {
        let matrix = heavyTailed(rows: 20, columns: 40, seed: 9)
        let order = AssignmentShuffle(blockSize: 16).refine(
            .identity(40), saliencies: [matrix], pattern: .twoOfFour, parallel: concurrent)
        #expect(!order.isIdentity)
        for (position, channel) in order.order.enumerated() { #expect(position / 16 == Int(channel) / 16) }
    }
}

@Suite struct ShuffleComparisonTests {
    /// What a shuffle retains; the local one with all channels in one block, as the assignment has them.
    private func shuffled(_ matrix: SaliencyMatrix, _ steps: ShuffleSteps, _ pattern: SparsityPattern) -> Double {
        ChannelShuffle(steps: steps, local: LocalShuffle(blockSize: matrix.columns))
            .search([matrix], pattern: pattern, parallel: concurrent).retained
    }

    @Test func retainsNoLessThanTheAssignment() throws {
        for entry in try BaselineFixture.load().shuffles where entry.columns > 16 {
            let pattern = try #require(SparsityPattern(kept: entry.kept, group: entry.group))
            let matrix = SaliencyMatrix(entry.saliency, columns: entry.columns)
            #expect(shuffled(matrix, .both, pattern) >= entry.assigned, "\(entry.columns) channels, \(pattern)")
        }
        for pattern in [SparsityPattern.twoOfFour, .fourOfEight] {
            for seed in 0..<4 as Range<UInt64> {
                let matrix = heavyTailed(rows: 192, columns: 512, seed: seed)
                #expect(shuffled(matrix, .both, pattern) >= shuffled(matrix, .assignment, pattern))
            }
        }
    }

    /// 35 splits of 8 channels and 5,775 of 12 in groups of 4.
    @Test(arguments: [8, 12])
    func comesCloseToExhaustiveSearch(_ columns: Int) {
        let all = partitions((0..<Int32(columns)).map { $0 }, size: 4)
        #expect(all.count == (columns == 8 ? 35 : 5775))
        var local = 0.0
        var assignment = 0.0
        for seed in 0..<20 as Range<UInt64> {
            let matrix = heavyTailed(rows: 24, columns: columns, seed: seed)
            // What each possible group retains.
            var groups: [[Int32]: Double] = [:]
            let best =
                all.map { order in
                    stride(from: 0, to: columns, by: 4).reduce(0.0) { sum, start in
                        let members = Array(order[start..<(start + 4)])
                        if let known = groups[members] { return sum + known }
                        let retained = referenceGroupRetained(members, [matrix], .twoOfFour)
                        groups[members] = retained
                        return sum + retained
                    }
                }.max() ?? 0
            let retained = shuffled(matrix, .both, .twoOfFour)
            #expect(retained <= best * (1 + 1e-6))
            local += retained / best / 20
            assignment += shuffled(matrix, .assignment, .twoOfFour) / best / 20
        }
        print("\(columns) channels: local \(local), assignment \(assignment) of the best")
        #expect(local > 0.995 && local > assignment)
    }
}
