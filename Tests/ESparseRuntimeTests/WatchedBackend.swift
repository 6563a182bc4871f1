// The reference backend with somebody who looks on: tests count steps, hold them back, and let them fail.

import ESparseCore
import ESparseReference

/// Runs every operation as `ReferenceBackend`, and calls `onEmbed` first in every forward pass.
struct WatchedBackend: Backend {
    typealias Activation = ReferenceBackend.Activation
    typealias PreparedLinear = ReferenceBackend.PreparedLinear
    typealias PreparedNormalization = ReferenceBackend.PreparedNormalization
    typealias PreparedEmbedding = ReferenceBackend.PreparedEmbedding
    typealias PreparedAttention = ReferenceBackend.PreparedAttention
    typealias KeyValueCache = ReferenceBackend.KeyValueCache

    private let reference = ReferenceBackend()
    /// Receives the tokens of a pass.
    let onEmbed: @Sendable ([Int32]) throws -> Void

    func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> PreparedLinear {
        try reference.prepareLinear(weight, bias: bias)
    }
    func prepareNormalization(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?
    ) throws -> PreparedNormalization {
        try reference.prepareNormalization(
            kind, size: size, weight: weight, bias: bias, epsilon: epsilon, permutation: permutation)
    }
    func prepareEmbedding(_ table: Tensor, scale: Float) throws -> PreparedEmbedding {
        try reference.prepareEmbedding(table, scale: scale)
    }
    func prepareAttention(_ description: AttentionDescription) throws -> PreparedAttention {
        try reference.prepareAttention(description)
    }
    func makeCache(_ description: CacheDescription) throws -> KeyValueCache { try reference.makeCache(description) }
    func activation(_ values: [Float], channels: Int) throws -> Activation {
        reference.activation(values, channels: channels)
    }
    func activation(
        tokens: Int, channels: Int, fill: (inout MutableSpan<Float>) throws -> Void
    ) throws -> Activation {
        try reference.activation(tokens: tokens, channels: channels, fill: fill)
    }
    func floats(of activation: Activation) throws -> [Float] { reference.floats(of: activation) }
    func withFloats<Result>(of activation: Activation, _ body: (Span<Float>) throws -> Result) throws -> Result {
        try reference.withFloats(of: activation, body)
    }
    func embed(_ indices: [Int32], in table: PreparedEmbedding) throws -> Activation {
        try onEmbed(indices)
        return reference.embed(indices, in: table)
    }
    func normalize(_ input: Activation, with normalization: PreparedNormalization) throws -> Activation {
        reference.normalize(input, with: normalization)
    }
    func multiply(_ input: Activation, by linear: PreparedLinear) throws -> Activation {
        reference.multiply(input, by: linear)
    }
    func logits(_ input: Activation, by head: PreparedLinear, softCap: Float?) throws -> Activation {
        reference.logits(input, by: head, softCap: softCap)
    }
    func multiply(_ input: Activation, by linear: PreparedLinear, addingTo residual: inout Activation) throws {
        reference.multiply(input, by: linear, addingTo: &residual)
    }
    func attend(
        query: Activation, key: Activation, value: Activation, batch: TokenBatch, layer: Int,
        with attention: PreparedAttention, cache: inout KeyValueCache
    ) throws -> Activation {
        reference.attend(
            query: query, key: key, value: value, batch: batch, layer: layer, with: attention, cache: &cache)
    }
    func gate(_ gate: Activation, _ up: Activation, function: ActivationFunction) throws -> Activation {
        reference.gate(gate, up, function: function)
    }
    func apply(_ function: ActivationFunction, to input: Activation) throws -> Activation {
        reference.apply(function, to: input)
    }
    func add(_ addend: Activation, to accumulator: inout Activation) throws {
        reference.add(addend, to: &accumulator)
    }
    func rows(_ indices: [Int], of activation: Activation) throws -> Activation {
        reference.rows(indices, of: activation)
    }
    func likelihoods(
        of targets: [Int32], hidden: Activation, head: PreparedLinear, softCap: Float?
    ) throws -> [TargetLikelihood] {
        reference.likelihoods(of: targets, hidden: hidden, head: head, softCap: softCap)
    }
}
