// Times of the shuffle and the mask at the size of a real linear; run with ESPARSE_TIMINGS=1.

import ESparseCore
import ESparsePruning
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Processor time of all threads so far: tells what a busy machine's clock does not.
private func processorSeconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

@Suite(.serialized, .enabled(if: unsafe getenv("ESPARSE_TIMINGS") != nil, "set ESPARSE_TIMINGS=1 to run"))
struct ShuffleTimings {
    @Test(arguments: [SparsityPattern.twoOfFour, .fourOfEight])
    func largeLinear(_ pattern: SparsityPattern) {
        let clock = ContinuousClock()
        let matrix = heavyTailed(rows: 4096, columns: 11008, seed: 7)
        let identity = Permutation.identity(matrix.columns)
        let local = LocalShuffle()
        let before = local.retainedSaliency(identity, saliencies: [matrix], pattern: pattern, parallel: concurrent)
        var dealt = identity
        let globalTime = clock.measure { dealt = GlobalShuffle().permutation(of: [matrix], pattern: pattern) }
        var outcome: LocalShuffle.Outcome?
        let processorBefore = processorSeconds()
        let localTime = clock.measure {
            outcome = local.refine(dealt, saliencies: [matrix], pattern: pattern, parallel: concurrent)
        }
        let processorTime = processorSeconds() - processorBefore
        guard let outcome else { return }
        var bits: [UInt8] = []
        let maskTime = clock.measure {
            bits = Mask.bits(
                saliency: matrix.values, rows: matrix.rows, columns: matrix.columns, pattern: pattern,
                permutation: outcome.permutation, parallel: serial)
        }
        let total = matrix.values.reduce(0.0) { $0 + Double($1) }
        print(
            "\(pattern) 4096x11008: global \(globalTime), local \(localTime) (\(processorTime) s of processor time), \(outcome.swapCount) swaps, mask on one core",
            "\(maskTime); retained share: none \(before / total), global \(outcome.retainedBefore / total), local",
            "\(outcome.retainedAfter / total)")
        #expect(outcome.retainedAfter > outcome.retainedBefore && outcome.retainedBefore > before)
        #expect(bits.reduce(0) { $0 + $1.nonzeroBitCount } == matrix.values.count / 2)
    }

    /// What larger blocks cost and win.
    @Test(arguments: [256, 512, 1024, 2048])
    func blockSize(_ size: Int) {
        let matrix = heavyTailed(rows: 4096, columns: 4096, seed: 7)
        let dealt = GlobalShuffle().permutation(of: [matrix], pattern: .twoOfFour)
        var outcome: LocalShuffle.Outcome?
        let time = ContinuousClock().measure {
            outcome = LocalShuffle(blockSize: size).refine(
                dealt, saliencies: [matrix], pattern: .twoOfFour, parallel: concurrent)
        }
        guard let outcome else { return }
        print(
            "2:4 4096x4096, blocks of \(size): \(time), \(outcome.swapCount) swaps, retained",
            "\(outcome.retainedAfter / outcome.retainedBefore) of global")
        #expect(outcome.retainedAfter > outcome.retainedBefore)
    }

    /// The local shuffle in one block against RIA's assignment, both from the same dealt order: SmolLM2's sites and a
    /// larger one.
    @Test(arguments: [(960, 576), (576, 576), (3072, 576), (576, 1536), (2048, 2048)])
    func againstAssignment(_ rows: Int, _ columns: Int) {
        let matrix = heavyTailed(rows: rows, columns: columns, seed: 7)
        let dealt = GlobalShuffle().permutation(of: [matrix], pattern: .twoOfFour)
        let local = LocalShuffle(blockSize: columns)
        var swapped: Permutation = dealt
        var assigned: Permutation = dealt
        // Serially, because one block of assignments is.
        let localTime = ContinuousClock().measure {
            swapped = local.refine(dealt, saliencies: [matrix], pattern: .twoOfFour, parallel: serial).permutation
        }
        let assignmentTime = ContinuousClock().measure {
            assigned = AssignmentShuffle().refine(dealt, saliencies: [matrix], pattern: .twoOfFour, parallel: serial)
        }
        let retained = [dealt, swapped, assigned].map {
            local.retainedSaliency($0, saliencies: [matrix], pattern: .twoOfFour, parallel: serial)
        }
        print(
            "2:4 \(rows)x\(columns), one core: local \(localTime), assignment \(assignmentTime); retained of dealt: local",
            "\(retained[1] / retained[0]), assignment \(retained[2] / retained[0])")
        #expect(retained[1] >= retained[2])
    }

    /// What stopping earlier or later costs and wins.
    @Test(arguments: [1e-3, 1e-4, 1e-5, 1e-6])
    func stoppingRule(_ minimalGain: Double) {
        let matrix = heavyTailed(rows: 1024, columns: 2048, seed: 7)
        let dealt = GlobalShuffle().permutation(of: [matrix], pattern: .twoOfFour)
        var outcome: LocalShuffle.Outcome?
        let time = ContinuousClock().measure {
            outcome = LocalShuffle(minimalGain: minimalGain).refine(
                dealt, saliencies: [matrix], pattern: .twoOfFour, parallel: concurrent)
        }
        guard let outcome else { return }
        print(
            "2:4 1024x2048, minimal gain \(minimalGain): \(time), \(outcome.swapCount) swaps, retained",
            "\(outcome.retainedAfter / outcome.retainedBefore) of global")
        #expect(outcome.retainedAfter > outcome.retainedBefore)
    }
}
