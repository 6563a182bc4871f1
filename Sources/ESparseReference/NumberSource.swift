// Made-up numbers, tensors and matrices for checks of backends.

package import ESparseCore

/// Made-up numbers, the same on every run.
package struct NumberSource {
    private var random: SeededRandom

    /// Starts the random stream of a seed.
    package init(_ seed: UInt64) { random = SeededRandom(seed: seed) }

    /// About normal with mean 0 and the given deviation.
    package mutating func floats(_ count: Int, deviation: Double = 1) -> [Float] {
        (0..<count).map { _ in
            let sum = (0..<6).reduce(0.0) { total, _ in total + random.uniform() } - 3
            return Float(sum * 2.0.squareRoot() * deviation)
        }
    }

    /// Numbers in `[0, bound)`.
    package mutating func integers(_ count: Int, below bound: Int) -> [Int] {
        (0..<count).map { _ in random.integer(below: bound) }
    }

    /// A random order.
    package mutating func permutation(_ count: Int) -> Permutation {
        Permutation((0..<Int32(count)).shuffled(using: &random)) ?? .identity(count)
    }

    /// A tensor of about normal numbers.
    package mutating func tensor(_ shape: [Int], deviation: Double = 1, type: ElementType = .float32) throws -> Tensor {
        let values = floats(shape.reduce(1, *), deviation: deviation)
        switch type {
        case .bfloat16:
            let storage = ByteStorage(copying: values.map { BFloat16($0).bitPattern })
            return try Tensor(elementType: .bfloat16, shape: shape, storage: storage)
        case .float16:
            // Halves of every kind of exponent, subnormals included; infinities and NaN are left out.
            let bits = integers(values.count, below: 0x7C00).enumerated().map { index, bits in
                UInt16(bits) | (values[index] < 0 ? 0x8000 : 0)
            }
            return try Tensor(elementType: .float16, shape: shape, storage: ByteStorage(copying: bits))
        case .float32: return try Tensor(values, shape: shape)
        case .uint8, .int32, .int64: throw TensorError.notFloatingPoint(type)
        }
    }
}

extension NumberSource {
    /// A matrix that keeps arbitrary weights of every group.
    package mutating func sparseMatrix(rows: Int, columns: Int, pattern: SparsityPattern) throws -> SparseMatrix {
        let bytesPerRow = (columns + 7) / 8
        var mask = [UInt8](repeating: 0, count: rows * bytesPerRow)
        for row in 0..<rows {
            for group in stride(from: 0, to: columns, by: pattern.group) {
                for offset in permutation(pattern.group).order.prefix(pattern.kept) {
                    let column = group + Int(offset)
                    mask[row * bytesPerRow + column / 8] |= 1 << UInt8(column % 8)
                }
            }
        }
        let kept = columns / pattern.group * pattern.kept
        return try SparseMatrix(
            rows: rows, columns: columns, pattern: pattern, values: try tensor([rows, kept]),
            bitmask: try Tensor(
                elementType: .uint8, shape: [rows, bytesPerRow], storage: ByteStorage(copying: mask)))
    }
}
