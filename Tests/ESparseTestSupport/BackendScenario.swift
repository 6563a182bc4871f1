// Operations of a backend with made-up inputs, written once and run on every backend.

package import ESparseCore

/// An operation with its inputs; the same on every backend.
package protocol BackendScenario: Sendable, CustomStringConvertible {
    /// The operation, without its sizes.
    var operation: String { get }
    /// Largest normalised mean squared error against `ReferenceBackend` when a backend computes in single precision.
    var singleBound: Double { get }
    /// The same when it multiplies in, or caches, bfloat16.
    var bfloat16Bound: Double { get }
    /// The same when, besides, inputs and results of operations have 16 bits, as on a GPU.
    var halfBound: Double { get }
    /// The operation's result.
    func values<Candidate: Backend>(on backend: Candidate) throws -> [Float]
}

extension BackendScenario {
    /// Rounding to bfloat16 is off by at most 2^-9, a mean square of 2^-18 / 3 for each of a few operands and the result.
    package var halfBound: Double { max(bfloat16Bound, 1e-5) }
}

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
        default:
            return try Tensor(values, shape: shape)
        }
    }
}

/// Mean squared difference over mean square of the reference.
package func normalizedMeanSquaredError(_ values: [Float], _ reference: [Float]) -> Double {
    guard values.count == reference.count else { return .infinity }
    var difference = 0.0
    var power = 0.0
    for (value, expected) in zip(values, reference) {
        difference += (Double(value) - Double(expected)) * (Double(value) - Double(expected))
        power += Double(expected) * Double(expected)
    }
    return difference == 0 ? 0 : difference / power
}

package struct NormalizationScenario: BackendScenario {
    let kind: NormalizationKind
    let tokens: Int
    let channels: Int
    let isPermuted: Bool
    let hasWeights: Bool

    package var operation: String { "\(kind.rawValue) norm" }
    package let singleBound = 1e-12
    package let bfloat16Bound = 1e-12
    package var description: String {
        "\(kind.rawValue) norm \(tokens)x\(channels)\(isPermuted ? " permuted" : "")\(hasWeights ? "" : " plain")"
    }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(1)
        let weight = try numbers.tensor([channels])
        let bias = try numbers.tensor([channels])
        let permutation = numbers.permutation(channels)
        // A mean far from 0 shows cancellation in the variance.
        let input = numbers.floats(tokens * channels).map { $0 + 3 }
        let normalization = try backend.prepareNormalization(
            kind, size: channels, weight: hasWeights ? weight : nil,
            bias: hasWeights && kind == .layer ? bias : nil, epsilon: 1e-5,
            permutation: isPermuted ? permutation : nil)
        return backend.floats(
            of: backend.normalize(backend.activation(input, channels: channels), with: normalization))
    }
}

package struct EmbeddingScenario: BackendScenario {
    let type: ElementType
    let channels: Int

    package var operation: String { "embedding" }
    package let singleBound = 0.0
    package let bfloat16Bound = 0.0
    package var description: String { "embedding \(type.rawValue) of \(channels)" }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(2)
        let table = try backend.prepareEmbedding(try numbers.tensor([19, channels], type: type))
        return backend.floats(of: backend.embed([18, 0, 7, 7, 3], in: table))
    }
}

package struct LinearScenario: BackendScenario {
    let tokens: Int
    let rows: Int
    let columns: Int
    let pattern: SparsityPattern?
    let isAccumulated: Bool
    let hasBias: Bool

    package var operation: String { "linear, \(pattern?.description ?? "dense")\(isAccumulated ? ", added" : "")" }
    package let singleBound = 1e-11
    package let bfloat16Bound = 3e-5
    package var description: String {
        "linear \(tokens)x\(columns)->\(rows) \(pattern?.description ?? "dense")"
            + (isAccumulated ? " added" : "") + (hasBias ? " with bias" : "")
    }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(3)
        let bias = try numbers.tensor([rows])
        let linear = try backend.prepareLinear(try weight(&numbers), bias: hasBias ? bias : nil)
        let input = backend.activation(numbers.floats(tokens * columns), channels: columns)
        guard isAccumulated else { return backend.floats(of: backend.multiply(input, by: linear)) }
        var residual = backend.activation(numbers.floats(tokens * rows), channels: rows)
        backend.multiply(input, by: linear, addingTo: &residual)
        return backend.floats(of: residual)
    }

    private func weight(_ numbers: inout NumberSource) throws -> LinearWeight {
        guard let pattern else { return LinearWeight(matrix: .dense(try numbers.tensor([rows, columns]))) }
        return LinearWeight(matrix: .sparse(try numbers.sparseMatrix(rows: rows, columns: columns, pattern: pattern)))
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

package struct ElementwiseScenario: BackendScenario {
    package enum Operation: Sendable {
        case gate(ActivationFunction)
        case apply(ActivationFunction)
        case add
        case rows
    }

    let kind: Operation
    let tokens: Int
    let channels: Int

    package var operation: String { "\(kind)" }
    /// Of few values a single one may be off by all its roundings to 2^-9, which functions widen: together not by 5 times that.
    package var halfBound: Double { tokens * channels < 1000 ? 25 * 0x1p-18 : 1e-5 }
    package let singleBound = 1e-13
    package let bfloat16Bound = 1e-13
    package var description: String { "\(kind) \(tokens)x\(channels)" }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(4)
        let first = backend.activation(numbers.floats(tokens * channels, deviation: 4), channels: channels)
        let second = backend.activation(numbers.floats(tokens * channels), channels: channels)
        switch kind {
        case .gate(let function): return backend.floats(of: backend.gate(first, second, function: function))
        case .apply(let function): return backend.floats(of: backend.apply(function, to: first))
        case .add:
            var sum = first
            backend.add(second, to: &sum)
            // The terms must not change with the sum.
            return backend.floats(of: sum) + backend.floats(of: first) + backend.floats(of: second)
        case .rows:
            return backend.floats(of: backend.rows([tokens - 1, 0, tokens / 2, 0], of: first))
        }
    }
}

package struct LikelihoodScenario: BackendScenario {
    let tokens: Int
    let channels: Int
    let vocabulary: Int

    package var operation: String { "likelihoods" }
    package let singleBound = 1e-11
    package let bfloat16Bound = 1e-5
    package var description: String { "likelihoods \(tokens)x\(channels)->\(vocabulary)" }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(5)
        let weight = LinearWeight(matrix: .dense(try numbers.tensor([vocabulary, channels], deviation: 0.3)))
        let head = try backend.prepareLinear(weight, bias: nil)
        let hidden = backend.activation(numbers.floats(tokens * channels), channels: channels)
        let targets = numbers.integers(tokens, below: vocabulary).map { Int32($0) }
        return backend.likelihoods(of: targets, hidden: hidden, head: head).map { Float($0.negativeLogLikelihood) }
    }
}
