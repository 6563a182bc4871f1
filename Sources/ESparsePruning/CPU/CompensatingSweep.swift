// SparseGPT's sweep over the columns of a weight: what is dropped is made up for by the columns that follow.

import CESparseDNNL
package import ESparseCore

/// Drops weights column by column (arXiv 2301.00774).
///
/// Dropping weight w of column i changes the columns after it by `-w / U_ii * U_ij`, which is the best they can do while the
/// columns before i are settled. Inside a block of columns that happens at once; on the columns after the block all of its
/// changes act together as one matrix product.
package struct CompensatingSweep: Sendable {
    private let factor: InverseFactor
    private let pattern: SparsityPattern
    /// Columns of a block, a multiple of M.
    private let blockSize: Int

    /// Rows that one thread handles at a time; rows do not depend on each other.
    private static let rowsPerTask = 64

    /// Makes a sweep in blocks of `blockSize` columns, rounded down to a multiple of M (at least M).
    package init(factor: InverseFactor, pattern: SparsityPattern, blockSize: Int) {
        precondition(blockSize > 0 && factor.channels % pattern.group == 0)
        self.factor = factor
        self.pattern = pattern
        self.blockSize = max(blockSize / pattern.group, 1) * pattern.group
    }

    /// Sweeps over `weight` `[rows, C]`, row-major, columns in the factor's order; dropped weights become 0.
    ///
    /// When the sweep reaches a group it keeps the N weights with the largest `|w| * importance`, or `|w| / U_ii` where no
    /// importance is given; ties keep the lower column. Earlier columns have changed the weights by then.
    ///
    /// - Parameter importance: `[rows, C]` in the same order.
    /// - Returns: the mask, `[rows, (C + 7) / 8]` as `SparseMatrix` holds it; and half the sum of `(w / U_ii)^2` over the
    ///   dropped weights: how much the squared error of the outputs grows.
    package func run(
        weight: inout [Float], rows: Int, importance: [Float]?, parallel: ParallelLoop
    ) -> (bits: [UInt8], error: Double) {
        let columns = factor.channels
        let bytesPerRow = (columns + 7) / 8
        precondition(weight.count == rows * columns && importance.map { $0.count == rows * columns } ?? true)
        var bits = [UInt8](repeating: 0, count: rows * bytesPerRow)
        var losses = [Double](repeating: 0, count: rows)
        unsafe weight.withUnsafeMutableBufferPointer { weight in
            unsafe bits.withUnsafeMutableBufferPointer { bits in
                unsafe losses.withUnsafeMutableBufferPointer { losses in
                    unsafe factor.values.withUnsafeBufferPointer { factor in
                        unsafe (importance ?? []).withUnsafeBufferPointer { given in
                            guard let weight = weight.baseAddress, let bits = bits.baseAddress,
                                let losses = losses.baseAddress, let factor = factor.baseAddress
                            else { return }
                            let given = importance == nil ? nil : given.baseAddress
                            // Tasks write disjoint rows and only read the factor and the importance.
                            nonisolated(unsafe) let pointers = unsafe (weight, bits, losses, factor, given)
                            parallel((rows + Self.rowsPerTask - 1) / Self.rowsPerTask) { task in
                                let first = task * Self.rowsPerTask
                                let strip = unsafe Strip(
                                    rows: min(Self.rowsPerTask, rows - first), columns: columns,
                                    bytesPerRow: bytesPerRow, pattern: pattern, weight: pointers.0 + first * columns,
                                    bits: pointers.1 + first * bytesPerRow, losses: pointers.2 + first,
                                    factor: pointers.3, importance: pointers.4.map { unsafe $0 + first * columns })
                                strip.sweep(blockSize: blockSize)
                            }
                        }
                    }
                }
            }
        }
        return (bits, losses.reduce(0, +) / 2)
    }
}

/// Consecutive rows of a weight, with where their mask and losses go.
@safe private struct Strip {
    let rows: Int
    let columns: Int
    let bytesPerRow: Int
    let pattern: SparsityPattern
    /// `[rows, columns]`
    let weight: UnsafeMutablePointer<Float>
    /// `[rows, bytesPerRow]`
    let bits: UnsafeMutablePointer<UInt8>
    /// `[rows]`
    let losses: UnsafeMutablePointer<Double>
    /// `[columns, columns]`
    let factor: UnsafePointer<Float>
    /// `[rows, columns]`
    let importance: UnsafePointer<Float>?

    func sweep(blockSize: Int) {
        unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * blockSize) { errors in
            guard let errors = errors.baseAddress else { return }
            for start in stride(from: 0, to: columns, by: blockSize) {
                let end = min(start + blockSize, columns)
                for row in 0..<rows { unsafe sweep(row, start..<end, errors: errors + row * (end - start)) }
                guard end < columns else { return }
                let code = unsafe esparse_dnnl_sgemm(
                    0, Int64(rows), Int64(columns - end), Int64(end - start), -1, errors, Int64(end - start),
                    factor + start * columns + end, Int64(columns), 1, weight + end, Int64(columns))
                precondition(code == 0, "oneDNN failed to run a matrix product (code \(code))")
            }
        }
    }

    /// One row's columns of a block; `errors[i]` becomes `w / U_ii` where a weight was dropped, else 0.
    private func sweep(_ row: Int, _ block: Range<Int>, errors: UnsafeMutablePointer<Float>) {
        let weight = unsafe weight + row * columns
        for column in block {
            if column % pattern.group == 0 { choose(row, group: column) }
            let factor = unsafe factor + column * columns
            let isKept = unsafe bits[row * bytesPerRow + column / 8] >> UInt8(column % 8) & 1 == 1
            let error = unsafe isKept ? 0 : weight[column] / factor[column]
            unsafe errors[column - block.lowerBound] = error
            guard !isKept else { continue }
            unsafe weight[column] = 0
            unsafe losses[row] += Double(error) * Double(error)
            for other in (column + 1)..<max(block.upperBound, column + 1) {
                unsafe weight[other] -= error * factor[other]
            }
        }
    }

    /// Marks the N weights of a group to keep: those that fewer than N others rank before.
    private func choose(_ row: Int, group first: Int) {
        func worth(_ column: Int) -> Float {
            let index = row * columns + column
            if let importance = unsafe importance { return unsafe abs(weight[index]) * importance[index] }
            return unsafe abs(weight[index]) / factor[column * columns + column]
        }
        for column in first..<(first + pattern.group) {
            let own = worth(column)
            var before = 0
            for other in first..<(first + pattern.group) where other != column {
                let worth = worth(other)
                if worth > own || (worth == own && other < column) { before += 1 }
            }
            if before < pattern.kept {
                unsafe bits[row * bytesPerRow + column / 8] |= 1 << UInt8(column % 8)
            }
        }
    }
}
