// Random saliencies, parallel loops and plain reference implementations that the pruning tests compare with.

import Dispatch
import ESparseCPU
import ESparseCore
import ESparsePruning

/// Runs a loop's bodies one after the other.
func serial(_ count: Int, _ body: @Sendable (Int) -> Void) {
    for index in 0..<count { body(index) }
}

/// Runs a loop's bodies on all cores.
func concurrent(_ count: Int, _ body: @Sendable (Int) -> Void) {
    DispatchQueue.concurrentPerform(iterations: count) { body($0) }
}

/// Sizes of normal weights times log-normal channel factors: heavy-tailed, as saliencies of language models are.
func heavyTailed(rows: Int, columns: Int, seed: UInt64) -> SaliencyMatrix {
    var random = SeededRandom(seed: seed)
    // Sum of uniforms: close enough to normal, and free of library calls.
    func normal() -> Double { (0..<4).reduce(-2.0) { sum, _ in sum + random.uniform() } * 1.732 }
    let factors = (0..<columns).map { _ in
        let exponent = normal()
        return Float(exponent > 0 ? 1 + exponent * exponent * exponent : 1 / (1 - exponent))
    }
    var values = [Float](repeating: 0, count: rows * columns)
    for index in values.indices {
        let pair = random.next()
        let size = Float(pair & 0xFFFF) + Float(pair >> 16 & 0xFFFF) + Float(pair >> 32 & 0xFFFF) + Float(pair >> 48)
        let weight = abs(size / 65536 - 2)
        values[index] = weight * weight * factors[index % columns]
    }
    return SaliencyMatrix(values, columns: columns)
}

/// Saliencies that are small whole numbers, so that all sums are exact and ties are common.
func wholeNumbers(rows: Int, columns: Int, below bound: Int, seed: UInt64) -> SaliencyMatrix {
    var random = SeededRandom(seed: seed)
    return SaliencyMatrix((0..<(rows * columns)).map { _ in Float(random.integer(below: bound)) }, columns: columns)
}

/// Sum of the N largest saliencies of each group of each row, by sorting.
func referenceRetained(_ order: [Int32], _ matrices: [SaliencyMatrix], _ pattern: SparsityPattern) -> Double {
    var total = 0.0
    for group in 0..<(order.count / pattern.group) {
        let members = order[(group * pattern.group)..<((group + 1) * pattern.group)]
        total += referenceGroupRetained(Array(members), matrices, pattern)
    }
    return total
}

/// What one group of channels retains, by sorting.
func referenceGroupRetained(_ members: [Int32], _ matrices: [SaliencyMatrix], _ pattern: SparsityPattern) -> Double {
    var total = 0.0
    for matrix in matrices {
        for row in 0..<matrix.rows {
            let values = members.map { Double(matrix.values[row * matrix.columns + Int($0)]) }
            total += values.sorted(by: >).prefix(pattern.kept).reduce(0, +)
        }
    }
    return total
}

/// The local shuffle written plainly: every swap of every pair tried by sorting, best first, ties to the lowest slots.
func referenceLocalShuffle(
    _ order: [Int32], _ matrices: [SaliencyMatrix], _ pattern: SparsityPattern, blockSize: Int, minimalGain: Double
) -> (order: [Int32], swaps: Int) {
    var order = order
    var swaps = 0
    let size = blockSize / pattern.group * pattern.group
    for start in stride(from: 0, to: order.count, by: size) {
        let end = min(start + size, order.count)
        func members(_ group: Int) -> [Int32] {
            Array(order[(start + group * pattern.group)..<(start + (group + 1) * pattern.group)])
        }
        func retained(_ group: Int) -> Double { referenceGroupRetained(members(group), matrices, pattern) }
        let groups = (end - start) / pattern.group
        let floor = 2 * (0..<groups).reduce(0.0) { $0 + retained($1) } / Double(groups) * minimalGain
        while true {
            var best: (first: Int, second: Int, gain: Double)?
            let current = (0..<groups).map(retained)
            for first in start..<end {
                let firstGroup = (first - start) / pattern.group
                for second in stride(from: start + (firstGroup + 1) * pattern.group, to: end, by: 1) {
                    let secondGroup = (second - start) / pattern.group
                    order.swapAt(first, second)
                    let gain = retained(firstGroup) + retained(secondGroup) - current[firstGroup] - current[secondGroup]
                    order.swapAt(first, second)
                    let threshold = max((current[firstGroup] + current[secondGroup]) * minimalGain, floor)
                    if gain > threshold, gain > best?.gain ?? 0 { best = (first, second, gain) }
                }
            }
            guard let best else { break }
            order.swapAt(best.first, best.second)
            swaps += 1
        }
    }
    return (order, swaps)
}

/// The mask of one row group by sorting: positions kept, ties to the lower position.
func referenceMaskBits(
    _ matrix: SaliencyMatrix, _ pattern: SparsityPattern, _ order: [Int32]
) -> [UInt8] {
    let bytesPerRow = (matrix.columns + 7) / 8
    var bits = [UInt8](repeating: 0, count: matrix.rows * bytesPerRow)
    for row in 0..<matrix.rows {
        for group in stride(from: 0, to: matrix.columns, by: pattern.group) {
            let positions = (group..<(group + pattern.group)).sorted { left, right in
                let leftValue = matrix.values[row * matrix.columns + Int(order[left])]
                let rightValue = matrix.values[row * matrix.columns + Int(order[right])]
                return leftValue == rightValue ? left < right : leftValue > rightValue
            }
            for position in positions.prefix(pattern.kept) {
                bits[row * bytesPerRow + position / 8] |= 1 << UInt8(position % 8)
            }
        }
    }
    return bits
}
