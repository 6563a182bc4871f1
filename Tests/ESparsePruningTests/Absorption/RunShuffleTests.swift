// Shuffles that keep channels in their runs: each run must be shuffled as if it were alone.

import ESparseCore
import ESparsePruning
import Testing

@Suite struct RunShuffleTests {
    @Test(arguments: [ShuffleSteps.global, .local, .both, .assignment])
    func aRunIsShuffledAsIfItWereAlone(_ steps: ShuffleSteps) throws {
        let (runLength, runs) = (24, 3)
        let matrices = [
            heavyTailed(rows: 17, columns: runLength * runs, seed: 4),
            heavyTailed(rows: 5, columns: runLength * runs, seed: 5),
        ]
        // Blocks of 16 do not fill a run, so a search that knew no runs would cross their ends.
        let shuffle = ChannelShuffle(
            steps: steps, local: LocalShuffle(blockSize: 16), assignment: AssignmentShuffle(blockSize: 16))
        let together = try #require(
            shuffle.search(matrices, pattern: .twoOfFour, runLength: runLength, parallel: concurrent).permutation)
        let alone = try (0..<runs).flatMap { run in
            let first = run * runLength
            let parts = matrices.map { matrix in
                SaliencyMatrix(
                    (0..<matrix.rows).flatMap { row in
                        matrix.values[row * matrix.columns + first..<row * matrix.columns + first + runLength]
                    }, columns: runLength)
            }
            let order = try #require(shuffle.search(parts, pattern: .twoOfFour, parallel: serial).permutation)
            return order.order.map { $0 + Int32(first) }
        }
        #expect(together.order == alone)
        #expect(!together.isIdentity)
    }
}
