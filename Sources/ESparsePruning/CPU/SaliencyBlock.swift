// Saliencies of a block of channels, laid out for the swap-gain kernel; the only caller of the shuffle's C kernels.

import CESparseCPU
package import ESparseCPU
package import ESparseCore

/// Saliencies of some channels, `[chunk of rows, channel, row of the chunk]`, rows past the last one zero.
///
/// A *slot* is a place in the block's order; group `g` is slots `[g * M, (g + 1) * M)`; slot `s` holds the block's channel
/// `order[s]`, numbered within the block. Gains do not depend on what order the channels came in, only on who shares a
/// group.
@safe package final class SaliencyBlock {
    /// Number of channels.
    package let channelCount: Int
    private let rows: Int
    private let kernels: esparse_shuffle_kernels
    private let values: UnsafeMutablePointer<Float>
    private let scratch: UnsafeMutablePointer<Float>

    private static let chunk = Int(ESPARSE_SHUFFLE_CHUNK)
    private static let largestGroup = 32

    /// Makes a block of zeros for `rows` rows (those of all linears that share the site). All instruction sets give the
    /// same bits.
    package init(channelCount: Int, rows: Int, instructionSet: InstructionSet = .forExactKernels) {
        precondition(channelCount > 0 && rows > 0)
        self.channelCount = channelCount
        kernels = instructionSet.shuffleKernels
        self.rows = rows
        let chunkCount = (rows + Self.chunk - 1) / Self.chunk
        unsafe values = Self.allocate(chunkCount * channelCount * Self.chunk)
        unsafe scratch = Self.allocate((Self.largestGroup + 2) * Self.chunk)
    }

    /// Makes a block of `channels` from all matrices, whose rows are stacked.
    package convenience init(_ matrices: [SaliencyMatrix], channels: ArraySlice<Int32>) {
        self.init(channelCount: channels.count, rows: max(matrices.reduce(0) { $0 + $1.rows }, 1))
        var row = 0
        for matrix in matrices {
            fill(from: matrix.values, columns: matrix.columns, channels: channels, firstRow: row)
            row += matrix.rows
        }
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
        return unsafe memory.initializeMemory(as: Float.self, repeating: 0, count: count)
    }

    deinit {
        unsafe values.deallocate()
        unsafe scratch.deallocate()
    }

    /// Copies columns `channels` of a row-major matrix `[rows, columns]` into the block, from its row `firstRow` on.
    package func fill(from saliency: [Float], columns: Int, channels: ArraySlice<Int32>, firstRow: Int) {
        precondition(columns > 0 && saliency.count % columns == 0 && channels.count == channelCount)
        precondition(channels.allSatisfy { $0 >= 0 && $0 < columns })
        let rows = saliency.count / columns
        precondition(firstRow >= 0 && firstRow + rows <= self.rows)
        unsafe saliency.withUnsafeBufferPointer { source in
            unsafe channels.withUnsafeBufferPointer { order in
                unsafe esparse_shuffle_gather(
                    source.baseAddress, Int64(rows), Int64(columns), order.baseAddress, Int64(channelCount),
                    Int64(firstRow), values)
            }
        }
    }

    /// What each of `groups` retains, into `totals[group]`; and, for each of its slots and every channel `c` of another
    /// group, what it would retain with `c` in the slot, into `gains[slot * channelCount + c]`.
    package func gains(
        order: [Int32], pattern: SparsityPattern, groups: [Int32], gains: inout [Double], totals: inout [Double]
    ) {
        precondition(gains.count == channelCount * channelCount)
        check(order: order, pattern: pattern, groups: groups, totals: totals)
        unsafe gains.withUnsafeMutableBufferPointer { gains in
            unsafe call(order, pattern, groups, everything(pattern), gains.baseAddress, &totals)
        }
    }

    /// What each group would retain with each of the block's `channels` in its slot number `place`, into
    /// `gains[group * channels.count + c]`, `c` counted from the first of them; undefined for its own members elsewhere.
    package func gains(
        order: [Int32], pattern: SparsityPattern, place: Int, channels: Range<Int>, gains: inout [Double]
    ) {
        let groups = (0..<Int32(channelCount / pattern.group)).map { $0 }
        var totals = [Double](repeating: 0, count: groups.count)
        precondition((0..<pattern.group).contains(place) && gains.count == groups.count * channels.count)
        precondition(channels.lowerBound >= 0 && channels.upperBound <= channelCount)
        check(order: order, pattern: pattern, groups: groups, totals: totals)
        let asked = esparse_shuffle_ranges(
            slot_begin: Int32(place), slot_end: Int32(place + 1), channel_begin: Int64(channels.lowerBound),
            channel_end: Int64(channels.upperBound))
        unsafe gains.withUnsafeMutableBufferPointer { gains in
            unsafe call(order, pattern, groups, asked, gains.baseAddress, &totals)
        }
    }

    private func everything(_ pattern: SparsityPattern) -> esparse_shuffle_ranges {
        esparse_shuffle_ranges(
            slot_begin: 0, slot_end: Int32(pattern.group), channel_begin: 0, channel_end: Int64(channelCount))
    }

    /// What each of `groups` retains, into `totals[group]`.
    package func totals(order: [Int32], pattern: SparsityPattern, groups: [Int32], totals: inout [Double]) {
        check(order: order, pattern: pattern, groups: groups, totals: totals)
        unsafe call(order, pattern, groups, everything(pattern), nil, &totals)
    }

    private func check(order: [Int32], pattern: SparsityPattern, groups: [Int32], totals: [Double]) {
        precondition(channelCount % pattern.group == 0 && pattern.group <= Self.largestGroup)
        precondition(order.count == channelCount && order.allSatisfy { $0 >= 0 && $0 < channelCount })
        precondition(totals.count == channelCount / pattern.group)
        precondition(groups.allSatisfy { $0 >= 0 && $0 < totals.count })
    }

    private func call(
        _ order: [Int32], _ pattern: SparsityPattern, _ groups: [Int32], _ asked: esparse_shuffle_ranges,
        _ gains: UnsafeMutablePointer<Double>?, _ totals: inout [Double]
    ) {
        unsafe order.withUnsafeBufferPointer { order in
            unsafe groups.withUnsafeBufferPointer { groups in
                unsafe totals.withUnsafeMutableBufferPointer { totals in
                    unsafe kernels.gains(
                        values, Int64(channelCount), Int64(rows), order.baseAddress,
                        Int32(pattern.group), Int32(pattern.kept), groups.baseAddress, Int64(groups.count), asked,
                        scratch, gains, totals.baseAddress)
                }
            }
        }
    }
}
