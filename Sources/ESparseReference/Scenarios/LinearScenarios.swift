// Linears, and the head's logits and likelihoods, on made-up inputs.

package import ESparseCore

/// A linear, dense or N:M, alone or added to the residual stream.
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
        let input = try backend.activation(numbers.floats(tokens * columns), channels: columns)
        guard isAccumulated else { return try backend.floats(of: backend.multiply(input, by: linear)) }
        var residual = try backend.activation(numbers.floats(tokens * rows), channels: rows)
        try backend.multiply(input, by: linear, addingTo: &residual)
        return try backend.floats(of: residual)
    }

    private func weight(_ numbers: inout NumberSource) throws -> LinearWeight {
        guard let pattern else { return LinearWeight(matrix: .dense(try numbers.tensor([rows, columns]))) }
        return LinearWeight(matrix: .sparse(try numbers.sparseMatrix(rows: rows, columns: columns, pattern: pattern)))
    }
}

/// Logits of a head, and likelihoods of targets under it.
package struct HeadScenario: BackendScenario {
    /// What is asked of the head.
    package enum Question: Sendable { case logits, likelihoods }

    let question: Question
    let tokens: Int
    let channels: Int
    let vocabulary: Int
    let softCap: Float?

    package var operation: String { "\(question)" }
    package let singleBound = 1e-11
    package let bfloat16Bound = 1e-5
    package var description: String {
        "\(question) \(tokens)x\(channels)->\(vocabulary)" + (softCap.map { ", cap \($0)" } ?? "")
    }

    package func values<Candidate: Backend>(on backend: Candidate) throws -> [Float] {
        var numbers = NumberSource(5)
        let weight = LinearWeight(matrix: .dense(try numbers.tensor([vocabulary, channels], deviation: 0.3)))
        let head = try backend.prepareLinear(weight, bias: nil)
        let hidden = try backend.activation(numbers.floats(tokens * channels), channels: channels)
        if question == .logits {
            return try backend.floats(of: backend.logits(hidden, by: head, softCap: softCap))
        }
        let targets = numbers.integers(tokens, below: vocabulary).map { Int32($0) }
        return try backend.likelihoods(of: targets, hidden: hidden, head: head, softCap: softCap)
            .map { Float($0.negativeLogLikelihood) }
    }
}
