// Norms, embeddings and element-wise operations, each on made-up inputs.

package import ESparseCore

/// A norm whose output may be in another order, or that every one of several runs of channels has for itself.
package struct NormalizationScenario: BackendScenario {
    let kind: NormalizationKind
    let tokens: Int
    let channels: Int
    var runs = 1
    let isPermuted: Bool
    let hasWeights: Bool

    package var operation: String { "\(kind.rawValue) norm" }
    package let singleBound = 1e-12
    package let bfloat16Bound = 1e-12
    package var description: String {
        "\(kind.rawValue) norm \(tokens)x\(runs)x\(channels)\(isPermuted ? " permuted" : "")\(hasWeights ? "" : " plain")"
    }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(1)
        let weight = try numbers.tensor([channels])
        let bias = try numbers.tensor([channels])
        let permutation = numbers.permutation(channels)
        // A mean far from 0 shows cancellation in the variance.
        let input = numbers.floats(tokens * runs * channels).map { $0 + 3 }
        let normalization = try backend.prepareNormalization(
            kind, size: channels, weight: hasWeights ? weight : nil,
            bias: hasWeights && kind == .layer ? bias : nil, epsilon: 1e-5,
            permutation: isPermuted ? permutation : nil)
        return try backend.floats(
            of: backend.normalize(backend.activation(input, channels: runs * channels), with: normalization))
    }
}

/// Rows of a table looked up.
package struct EmbeddingScenario: BackendScenario {
    let type: ElementType
    let channels: Int
    let scale: Float

    package var operation: String { "embedding" }
    package let singleBound = 0.0
    package let bfloat16Bound = 0.0
    package var description: String { "embedding \(type.rawValue) of \(channels) times \(scale)" }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(2)
        let table = try backend.prepareEmbedding(try numbers.tensor([19, channels], type: type), scale: scale)
        return try backend.floats(of: backend.embed([18, 0, 7, 7, 3], in: table))
    }
}

/// Operations that work element by element, and the copying of rows.
package struct ElementwiseScenario: BackendScenario {
    /// What is done.
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
        let first = try backend.activation(numbers.floats(tokens * channels, deviation: 4), channels: channels)
        let second = try backend.activation(numbers.floats(tokens * channels), channels: channels)
        switch kind {
        case .gate(let function): return try backend.floats(of: backend.gate(first, second, function: function))
        case .apply(let function): return try backend.floats(of: backend.apply(function, to: first))
        case .add:
            var sum = first
            try backend.add(second, to: &sum)
            // The terms must not change with the sum.
            return try backend.floats(of: sum) + backend.floats(of: first) + backend.floats(of: second)
        case .rows:
            return try backend.floats(of: backend.rows([tokens - 1, 0, tokens / 2, 0], of: first))
        }
    }
}
