// The backend that every other backend is tested against: plain loops, sums in double precision, no cleverness.

package import ESparseCore
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Runs every operation in the most obvious way: values are stored in single precision, sums are in double precision.
package struct ReferenceBackend: Backend {
    /// Values `[T, channels]`, row-major: element `(t, c)` is at `t * channels + c`.
    package struct Activation: Sendable, Equatable {
        /// Values in a row.
        package let channels: Int
        /// All values.
        package var values: [Float]

        /// T: rows.
        package var tokens: Int { channels == 0 ? 0 : values.count / channels }

        /// Row `token`.
        package func row(_ token: Int) -> ArraySlice<Float> {
            values[token * channels..<(token + 1) * channels]
        }
    }

    /// A dense weight `[rows, columns]` with its bias.
    package struct PreparedLinear: Sendable {
        let rows: Int
        let columns: Int
        let weights: [Float]
        let bias: [Float]?
    }

    /// A normalisation's constants, all `[size]` and in the original channel order.
    package struct PreparedNormalization: Sendable {
        let kind: NormalizationKind
        let size: Int
        let weight: [Float]
        let bias: [Float]
        let epsilon: Float
        let permutation: Permutation
    }

    /// A table of rows, `[rows, channels]`.
    package struct PreparedEmbedding: Sendable {
        let channels: Int
        let values: [Float]
        let scale: Float
    }

    /// A tensor does not have the shape that an operation needs.
    package struct ShapeError: Error, CustomStringConvertible {
        package let description: String
    }

    /// Makes a backend; it has no settings.
    package init() {}

    package func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> PreparedLinear {
        let weights =
            switch weight.matrix {
            case .dense(let tensor): try tensor.floats()
            case .sparse(let matrix): try matrix.decompressedFloats()
            }
        if let bias, bias.elementCount != weight.rows {
            throw ShapeError(description: "bias has \(bias.elementCount) values for \(weight.rows) output channels")
        }
        return PreparedLinear(
            rows: weight.rows, columns: weight.columns, weights: weights, bias: try bias?.floats())
    }

    package func prepareNormalization(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?
    ) throws -> PreparedNormalization {
        let weight = try weight?.floats() ?? [Float](repeating: 1, count: size)
        let bias = try bias?.floats() ?? [Float](repeating: 0, count: size)
        guard weight.count == size, bias.count == size, permutation.map({ $0.count == size }) ?? true else {
            throw ShapeError(description: "normalisation over \(size) channels has a tensor of another size")
        }
        return PreparedNormalization(
            kind: kind, size: size, weight: weight, bias: bias, epsilon: epsilon,
            permutation: permutation ?? .identity(size))
    }

    package func prepareEmbedding(_ table: Tensor, scale: Float) throws -> PreparedEmbedding {
        PreparedEmbedding(channels: table.columns, values: try table.floats(), scale: scale)
    }

    package func prepareAttention(_ description: AttentionDescription) throws -> AttentionDescription {
        description
    }

    package func makeCache(_ description: CacheDescription) throws -> ReferenceCache {
        ReferenceCache(description)
    }

    package func activation(_ values: [Float], channels: Int) -> Activation {
        precondition(channels > 0 && values.count % channels == 0)
        return Activation(channels: channels, values: values)
    }

    package func activation(
        tokens: Int, channels: Int, fill: (inout MutableSpan<Float>) throws -> Void
    ) rethrows -> Activation {
        var values = [Float](repeating: .nan, count: tokens * channels)
        var span = values.mutableSpan
        try fill(&span)
        return activation(values, channels: channels)
    }

    package func floats(of activation: Activation) -> [Float] { activation.values }

    package func withFloats<Result>(
        of activation: Activation, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        try body(activation.values.span)
    }

    package func embed(_ indices: [Int32], in table: PreparedEmbedding) -> Activation {
        let values = indices.flatMap { index in
            table.values[Int(index) * table.channels..<(Int(index) + 1) * table.channels].map { $0 * table.scale }
        }
        return Activation(channels: table.channels, values: values)
    }

    package func normalize(_ input: Activation, with normalization: PreparedNormalization) -> Activation {
        let count = normalization.size
        precondition(input.channels % count == 0)
        precondition(input.channels == count || normalization.permutation.isIdentity)
        var output = input
        for start in stride(from: 0, to: input.values.count, by: count) {
            let run = input.values[start..<start + count].map(Double.init)
            let mean = normalization.kind == .layer ? run.reduce(0, +) / Double(count) : 0
            let variance = run.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
            let factor = 1 / (variance + Double(normalization.epsilon)).squareRoot()
            for (position, channel) in normalization.permutation.order.enumerated() {
                let channel = Int(channel)
                let normalized = (run[channel] - mean) * factor * Double(normalization.weight[channel])
                output.values[start + position] = Float(normalized + Double(normalization.bias[channel]))
            }
        }
        return output
    }

    package func multiply(_ input: Activation, by linear: PreparedLinear) -> Activation {
        var output = Activation(
            channels: linear.rows, values: [Float](repeating: 0, count: input.tokens * linear.rows))
        for token in 0..<input.tokens {
            for row in 0..<linear.rows {
                output.values[token * linear.rows + row] = Float(product(input, token, linear, row))
            }
        }
        return output
    }

    package func logits(_ input: Activation, by head: PreparedLinear, softCap: Float?) -> Activation {
        let product = multiply(input, by: head)
        let values = product.values.map { Float(softCapped(Double($0), at: softCap)) }
        return Activation(channels: product.channels, values: values)
    }

    package func multiply(
        _ input: Activation, by linear: PreparedLinear, addingTo residual: inout Activation
    ) {
        precondition(residual.channels == linear.rows && residual.tokens == input.tokens)
        for token in 0..<input.tokens {
            for row in 0..<linear.rows {
                let index = token * linear.rows + row
                residual.values[index] = Float(Double(residual.values[index]) + product(input, token, linear, row))
            }
        }
    }

    /// Element `(token, row)` of `x W^T + b`.
    private func product(_ input: Activation, _ token: Int, _ linear: PreparedLinear, _ row: Int) -> Double {
        precondition(input.channels == linear.columns)
        var sum = linear.bias.map { Double($0[row]) } ?? 0
        for column in 0..<linear.columns {
            let weight = linear.weights[row * linear.columns + column]
            sum += Double(input.values[token * linear.columns + column]) * Double(weight)
        }
        return sum
    }

    package func gate(_ gate: Activation, _ up: Activation, function: ActivationFunction) -> Activation {
        precondition(gate.channels == up.channels && gate.values.count == up.values.count)
        let values = zip(gate.values, up.values).map { Float(function.value(at: Double($0)) * Double($1)) }
        return Activation(channels: gate.channels, values: values)
    }

    package func apply(_ function: ActivationFunction, to input: Activation) -> Activation {
        Activation(channels: input.channels, values: input.values.map { Float(function.value(at: Double($0))) })
    }

    package func add(_ addend: Activation, to accumulator: inout Activation) {
        precondition(addend.channels == accumulator.channels && addend.values.count == accumulator.values.count)
        for index in addend.values.indices { accumulator.values[index] += addend.values[index] }
    }

    package func rows(_ indices: [Int], of activation: Activation) -> Activation {
        Activation(channels: activation.channels, values: indices.flatMap { activation.row($0) })
    }

    package func likelihoods(
        of targets: [Int32], hidden: Activation, head: PreparedLinear, softCap: Float?
    ) -> [TargetLikelihood] {
        precondition(targets.count == hidden.tokens)
        return targets.enumerated().map { token, target in
            let logits = (0..<head.rows).map { softCapped(product(hidden, token, head, $0), at: softCap) }
            let largest = logits.max() ?? 0
            let sum = logits.reduce(0) { $0 + exp($1 - largest) }
            return TargetLikelihood(
                negativeLogLikelihood: largest + log(sum) - logits[Int(target)],
                isGreedy: logits[Int(target)] >= largest)
        }
    }
}

/// `cap * tanh(value / cap)`, or `value` without a cap.
func softCapped(_ value: Double, at cap: Float?) -> Double {
    cap.map { Double($0) * tanh(value / Double($0)) } ?? value
}

extension ActivationFunction {
    /// The function's value in double precision.
    package func value(at x: Double) -> Double {
        switch self {
        case .silu: x / (1 + exp(-x))
        case .relu: max(0, x)
        case .gelu: x * 0.5 * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh: x * 0.5 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }
    }
}

extension SparseMatrix {
    /// All weights as a dense row-major matrix `[rows, columns]`, dropped ones being zero.
    package func decompressedFloats() throws(TensorError) -> [Float] {
        let kept = try values.floats()
        var dense = [Float](repeating: 0, count: rows * columns)
        var next = 0
        unsafe bitmask.withUnsafeBytes { mask in
            for row in 0..<rows {
                for column in 0..<columns {
                    let byte = unsafe mask[row * maskBytesPerRow + column / 8]
                    guard byte >> UInt8(column % 8) & 1 == 1 else { continue }
                    dense[row * columns + column] = kept[next]
                    next += 1
                }
            }
        }
        return dense
    }
}
