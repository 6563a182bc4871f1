// Random weights and inputs to measure on: an N:M matrix and the same matrix with its zeros written out.

package import ESparseCPU
package import ESparseCore
import Synchronization

/// A random bf16 weight `[rows, columns]` of which each group keeps its largest, packed and dense.
package struct RandomLinear {
    /// Packed.
    package let sparse: SparseMatrix
    /// The same with its zeros written out.
    package let dense: Tensor

    /// Draws a weight; every row has its own random stream, so the threads of `pool` do not change it.
    ///
    /// The columns must be a multiple of the pattern's group.
    package init(rows: Int, columns: Int, pattern: SparsityPattern, seed: UInt64, pool: ThreadPool) throws {
        let drawn = Mutex([Row](repeating: Row(), count: rows))
        pool.run(count: rows) { index in
            let row = Row(columns: columns, pattern: pattern, random: SeededRandom(seed: seed, stream: UInt64(index)))
            drawn.withLock { $0[index] = row }
        }
        let all = drawn.withLock { $0 }
        let kept = columns / pattern.group * pattern.kept
        func tensor<Element: BitwiseCopyable>(
            _ type: ElementType, _ columns: Int, _ part: (Row) -> [Element]
        ) throws -> Tensor {
            var elements: [Element] = []
            elements.reserveCapacity(rows * columns)
            for row in all { elements += part(row) }
            return try Tensor(elementType: type, shape: [rows, columns], storage: ByteStorage(copying: elements))
        }
        dense = try tensor(.bfloat16, columns, \.dense)
        sparse = try SparseMatrix(
            rows: rows, columns: columns, pattern: pattern, values: try tensor(.bfloat16, kept, \.values),
            bitmask: try tensor(.uint8, (columns + 7) / 8, \.bits))
    }

    private struct Row {
        var values: [UInt16] = []
        var bits: [UInt8] = []
        var dense: [UInt16] = []

        init() {}

        init(columns: Int, pattern: SparsityPattern, random: SeededRandom) {
            var random = random
            bits = [UInt8](repeating: 0, count: (columns + 7) / 8)
            dense = [UInt16](repeating: 0, count: columns)
            values.reserveCapacity(columns / pattern.group * pattern.kept)
            for first in stride(from: 0, to: columns, by: pattern.group) {
                // From -1 to 1; the lowest bit keeps a weight from being zero.
                let group = (0..<pattern.group).map { _ in Int32(truncatingIfNeeded: random.next() | 1) }
                let kept = group.indices.sorted { group[$0].magnitude > group[$1].magnitude }.prefix(pattern.kept)
                for place in kept.sorted() {
                    let (column, value) = (first + place, BFloat16(Float(group[place]) * 0x1p-31).bitPattern)
                    values.append(value)
                    dense[column] = value
                    bits[column / 8] |= 1 << UInt8(column % 8)
                }
            }
        }
    }

    /// An input `[tokens, columns]` of values from -1 to 1 that bf16 holds exactly.
    package static func input(tokens: Int, columns: Int, seed: UInt64) -> [Float] {
        var random = SeededRandom(seed: seed, stream: .max)
        return (0..<tokens * columns).map { _ in
            BFloat16(Float(Int32(truncatingIfNeeded: random.next())) * 0x1p-31).float
        }
    }
}

extension SparseMatrix {
    /// The same matrix in memory of its own, so that a pass over it does not find it in a cache.
    package func copied() throws -> SparseMatrix {
        try SparseMatrix(
            rows: rows, columns: columns, pattern: pattern, values: values.copied(), bitmask: bitmask.copied())
    }
}
