// The searches for a channel order, on saliencies with a few strong channels, as real ones have.

import ESparseCPU
import ESparseCore
import ESparsePruning

extension Microbenchmark {
    /// The local shuffle of a large linear on all threads, and both local searches of a small one on one thread.
    static func shuffles(_ backend: CPUBackend) -> [Microbenchmark] {
        let all = SparsityPattern.twoOfFour
        return [SparsityPattern.twoOfFour, .fourOfEight].map { pattern in
            Microbenchmark("local shuffle 4096x11008, \(pattern)") {
                let (matrix, dealt) = dealt(rows: 4096, columns: 11008, pattern: pattern)
                return {
                    _ = LocalShuffle().refine(
                        dealt, saliencies: [matrix], pattern: pattern, parallel: backend.pool.run)
                }
            }
        } + [
            Microbenchmark("local shuffle in one block, 2048x2048, \(all), one thread") {
                let (matrix, dealt) = dealt(rows: 2048, columns: 2048, pattern: all)
                return {
                    _ = LocalShuffle(blockSize: 2048).refine(
                        dealt, saliencies: [matrix], pattern: all, parallel: serial)
                }
            },
            Microbenchmark("assignment shuffle 2048x2048, \(all), one thread") {
                let (matrix, dealt) = dealt(rows: 2048, columns: 2048, pattern: all)
                return { _ = AssignmentShuffle().refine(dealt, saliencies: [matrix], pattern: all, parallel: serial) }
            },
        ]
    }

    @Sendable private static func serial(count: Int, _ body: @Sendable (Int) -> Void) {
        for index in 0..<count { body(index) }
    }

    /// Random saliencies and the order that the global shuffle gives them; a channel's strength is 1 / u, u uniform.
    private static func dealt(rows: Int, columns: Int, pattern: SparsityPattern) -> (SaliencyMatrix, Permutation) {
        var random = SeededRandom(seed: 0)
        let strengths = (0..<columns).map { _ in Float(1 / (random.uniform() + 0.01)) }
        var values: [Float] = []
        values.reserveCapacity(rows * columns)
        for _ in 0..<rows { values += strengths.map { $0 * Float(random.uniform()) } }
        let matrix = SaliencyMatrix(values, columns: columns)
        return (matrix, GlobalShuffle().permutation(of: [matrix], pattern: pattern))
    }
}
