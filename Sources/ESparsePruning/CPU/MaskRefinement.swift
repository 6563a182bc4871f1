// Better masks for the same weights: kept and dropped weights of a group change places while the outputs' error falls.

import CESparseCPU
import CESparseDNNL
package import ESparseCPU
package import ESparseCore

/// A descent on the squared error that a mask costs, over exchanges inside groups; no weight is changed.
///
/// With `d` the dropped weights of a row (0 where a weight is kept) the mean over tokens of the squared error of its output is
/// `d H d^T` for `H = X^T X / T`. A saliency sees only H's diagonal: it takes the errors of dropped channels for independent. They
/// are not: what one dropped weight adds another can take away. With `r = d H`, dropping the kept weight k and keeping the dropped
/// weight j instead changes the error by
///
///     2 (w_k r_k - w_j r_j) + w_k^2 H_kk + w_j^2 H_jj - 2 w_k w_j H_kj
///
/// Groups are visited from left to right; in each the best exchange is made as long as it lowers the error, then the next
/// group follows, until a whole round makes none or `RefinementLimits.rounds` are done. Rows do not depend on each other. A
/// tile of them goes through the groups in step, so that the rows of H that an exchange adds are in the cache.
package struct MaskRefinement: Sendable {
    private let hessian: [Float]
    /// `[C, M]`: the part of each channel's row of the Hessian that lies in its own group.
    private let groups: [Float]
    private let channels: Int
    private let pattern: SparsityPattern
    private let instructionSet: InstructionSet

    /// Rows that one thread handles at a time; rows do not depend on each other.
    private static let rowsPerTask = 64

    /// Takes a matrix that is proportional to `X^T X`.
    ///
    /// - Parameters:
    ///   - hessian: `[C, C]`, row-major, symmetric, both triangles, channels in the order of the groups.
    ///   - channels: C.
    ///   - pattern: N:M; M divides C.
    ///   - instructionSet: whose instructions exchange weights; all give the same bits.
    package init(
        hessian: [Float], channels: Int, pattern: SparsityPattern, instructionSet: InstructionSet = .forExactKernels
    ) {
        precondition(hessian.count == channels * channels && channels % pattern.group == 0)
        self.hessian = hessian
        self.channels = channels
        self.pattern = pattern
        self.instructionSet = instructionSet
        groups = (0..<channels).flatMap { channel in
            let start = channel * channels + channel / pattern.group * pattern.group
            return hessian[start..<(start + pattern.group)]
        }
    }

    /// Refines the masks of all rows.
    ///
    /// - Parameters:
    ///   - bits: `[rows, (C + 7) / 8]` as `SparseMatrix` holds it, N of each group set, before and after.
    ///   - weight: `[rows, C]`, row-major, in the groups' order.
    ///   - rows: output channels.
    ///   - parallel: spreads rows over threads; the result does not depend on it.
    /// - Returns: the error before and after, `d H d^T` summed over rows.
    package func run(
        bits: inout [UInt8], weight: [Float], rows: Int, parallel: ParallelLoop
    ) -> (before: Double, after: Double) {
        let bytesPerRow = (channels + 7) / 8
        precondition(weight.count == rows * channels && bits.count == rows * bytesPerRow)
        var errors = [(before: Double, after: Double)](repeating: (0, 0), count: rows)
        unsafe weight.withUnsafeBufferPointer { weight in
            unsafe bits.withUnsafeMutableBufferPointer { bits in
                unsafe errors.withUnsafeMutableBufferPointer { errors in
                    unsafe hessian.withUnsafeBufferPointer { hessian in
                        guard let weight = weight.baseAddress, let bits = bits.baseAddress,
                            let errors = errors.baseAddress, let hessian = hessian.baseAddress
                        else { return }
                        // Tasks write disjoint rows and only read the weights and the Hessian.
                        nonisolated(unsafe) let pointers = unsafe (weight, bits, errors, hessian)
                        parallel((rows + Self.rowsPerTask - 1) / Self.rowsPerTask) { task in
                            let first = task * Self.rowsPerTask
                            unsafe refine(
                                rows: min(Self.rowsPerTask, rows - first), weight: pointers.0 + first * channels,
                                bits: pointers.1 + first * bytesPerRow, errors: pointers.2 + first,
                                hessian: pointers.3)
                        }
                    }
                }
            }
        }
        return errors.reduce((0, 0)) { ($0.0 + $1.before, $0.1 + $1.after) }
    }

    /// Refines some rows: one product of matrices for what their dropped weights do, then the descent row by row.
    private func refine(
        rows: Int, weight: UnsafePointer<Float>, bits: UnsafeMutablePointer<UInt8>,
        errors: UnsafeMutablePointer<(before: Double, after: Double)>, hessian: UnsafePointer<Float>
    ) {
        let bytesPerRow = (channels + 7) / 8
        let count = rows * channels
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * count) { scratch in
            guard let dropped = scratch.baseAddress else { return }
            let response = unsafe dropped + count
            for row in 0..<rows {
                for column in 0..<channels {
                    let isKept = unsafe bits[row * bytesPerRow + column / 8] >> UInt8(column % 8) & 1 == 1
                    unsafe dropped[row * channels + column] = isKept ? 0 : weight[row * channels + column]
                }
            }
            let stride = Int64(channels)
            let code = unsafe esparse_dnnl_sgemm(
                0, Int64(rows), stride, stride, 1, dropped, stride, hessian, stride, 0, response, stride)
            precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
            unsafe groups.withUnsafeBufferPointer { groups in
                guard let groups = groups.baseAddress else { return }
                let descent = unsafe TileDescent(
                    rows: rows, channels: channels, pattern: pattern, kernels: instructionSet.shuffleKernels,
                    weight: weight,
                    bits: bits, dropped: dropped, response: response, hessian: hessian, groups: groups)
                unsafe descent.run(
                    rounds: RefinementLimits.rounds, smallestGain: RefinementLimits.smallestGain, errors: errors)
            }
        }
    }
}

/// The descent of some rows.
@safe private struct TileDescent {
    let rows: Int
    let channels: Int
    let pattern: SparsityPattern
    let kernels: esparse_shuffle_kernels
    /// `[rows, C]`
    let weight: UnsafePointer<Float>
    /// `[rows, (C + 7) / 8]`
    let bits: UnsafeMutablePointer<UInt8>
    /// d, `[rows, C]`: the weight where it is dropped, else 0.
    let dropped: UnsafeMutablePointer<Float>
    /// r = d H, `[rows, C]`
    let response: UnsafeMutablePointer<Float>
    /// `[C, C]`
    let hessian: UnsafePointer<Float>
    /// `[C, M]`
    let groups: UnsafePointer<Float>

    private struct Exchange {
        var drop = 0
        var keep = 0
        var change: Float = 0
    }

    /// Writes every row's error before and after.
    func run(rounds: Int, smallestGain: Float, errors: UnsafeMutablePointer<(before: Double, after: Double)>) {
        for row in 0..<rows { unsafe errors[row].before = error(row) }
        let thresholds = (0..<rows).map { unsafe -Float(errors[$0].before) * smallestGain }
        var unfinished = Array(0..<rows)
        for _ in 0..<rounds where !unfinished.isEmpty {
            var isChanged = [Bool](repeating: false, count: rows)
            for group in stride(from: 0, to: channels, by: pattern.group) {
                for row in unfinished {
                    // Each exchange lowers the error; more than N of them in one visit would undo one another.
                    for _ in 0..<pattern.kept {
                        let best = best(in: group..<(group + pattern.group), row: row)
                        guard best.change < thresholds[row] else { break }
                        make(best, row: row)
                        isChanged[row] = true
                    }
                }
            }
            unfinished = unfinished.filter { isChanged[$0] }
        }
        for row in 0..<rows { unsafe errors[row].after = error(row) }
    }

    private func isKept(_ column: Int, _ row: Int) -> Bool {
        unsafe bits[row * ((channels + 7) / 8) + column / 8] >> UInt8(column % 8) & 1 == 1
    }

    private func error(_ row: Int) -> Double {
        var sum = 0.0
        for index in (row * channels)..<((row + 1) * channels) {
            unsafe sum += Double(dropped[index]) * Double(response[index])
        }
        return sum
    }

    /// The exchange that lowers a row's error most, the lowest columns among equal ones.
    private func best(in group: Range<Int>, row: Int) -> Exchange {
        let weight = unsafe weight + row * channels
        let response = unsafe response + row * channels
        var best = Exchange()
        for drop in group where isKept(drop, row) {
            let own = unsafe groups + drop * pattern.group - group.lowerBound
            let lost = unsafe weight[drop]
            let cost = unsafe lost * (2 * response[drop] + lost * own[drop])
            for keep in group where !isKept(keep, row) {
                let won = unsafe weight[keep]
                let square = unsafe groups[keep * pattern.group + keep - group.lowerBound]
                let gain = unsafe won * (2 * response[keep] - won * square)
                let change = unsafe cost - gain - 2 * lost * won * own[keep]
                if change < best.change { best = Exchange(drop: drop, keep: keep, change: change) }
            }
        }
        return best
    }

    private func make(_ exchange: Exchange, row: Int) {
        let first = row * channels
        let rowBits = unsafe bits + row * ((channels + 7) / 8)
        let lost = unsafe weight[first + exchange.drop]
        let won = unsafe weight[first + exchange.keep]
        unsafe rowBits[exchange.drop / 8] &= ~(1 << UInt8(exchange.drop % 8))
        unsafe rowBits[exchange.keep / 8] |= 1 << UInt8(exchange.keep % 8)
        unsafe dropped[first + exchange.drop] = lost
        unsafe dropped[first + exchange.keep] = 0
        unsafe kernels.exchange(
            response + first, lost, hessian + exchange.drop * channels, won,
            hessian + exchange.keep * channels, Int64(channels))
    }
}
