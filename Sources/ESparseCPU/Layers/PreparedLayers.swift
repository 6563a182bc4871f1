// Constants of normalisations, embeddings and attentions, checked and laid out for the kernels.

import ESparseCore

/// A normalisation's constants, in output order.
public struct CPUNormalization: Sendable {
    let kind: NormalizationKind
    let size: Int
    let epsilon: Float
    /// `[size]`, in output order.
    let weight: [Float]
    /// `[size]`, in output order.
    let bias: [Float]
    /// Input channel of each output channel; empty for the identity.
    let order: [Int32]

    init(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?
    ) throws {
        let permutation = permutation.flatMap { $0.isIdentity ? nil : $0 }
        if let permutation, permutation.count != size {
            throw KernelError.shape([permutation.count], role: "a normalisation's order", expected: [size])
        }
        func values(_ tensor: Tensor?, role: String, missing: Float) throws -> [Float] {
            guard let tensor else { return [Float](repeating: missing, count: size) }
            guard tensor.shape == [size] else {
                throw KernelError.shape(tensor.shape, role: role, expected: [size])
            }
            let values = try tensor.floats()
            return permutation?.applied(to: values) ?? values
        }
        self.kind = kind
        self.size = size
        self.epsilon = epsilon
        self.weight = try values(weight, role: "a normalisation's weight", missing: 1)
        self.bias = try values(bias, role: "a normalisation's bias", missing: 0)
        order = permutation?.order ?? []
    }
}

/// A table of rows, read where it is mapped.
public struct CPUEmbedding: Sendable {
    let table: Tensor
    /// Multiplies the rows that are looked up.
    let scale: Float

    init(_ table: Tensor, scale: Float) throws(KernelError) {
        guard table.shape.count == 2 else {
            throw .shape(table.shape, role: "an embedding table", expected: [table.rows, table.columns])
        }
        guard table.elementType.isFloatingPoint else {
            throw .elementType(table.elementType, role: "an embedding table")
        }
        self.table = table
        self.scale = scale
    }
}

/// An attention's constants.
public struct CPUAttention: Sendable {
    let description: AttentionDescription
    /// Where each output channel is written; empty for the identity.
    let positions: [Int32]
    let rotary: RotaryTable?

    init(_ description: AttentionDescription, rotary: RotaryTable?) throws(KernelError) {
        let channels = description.headCount * description.headSize
        self.description = description
        self.rotary = rotary
        if let permutation = description.outputPermutation, !permutation.isIdentity {
            guard permutation.count == channels else {
                throw .shape([permutation.count], role: "an attention's output order", expected: [channels])
            }
            positions = permutation.inverse.order
        } else {
            positions = []
        }
    }
}
