// Constants of normalisations, embeddings and attentions, checked and put on the device.

import ESparseCore

/// A normalisation's constants.
package struct CUDANormalization: Sendable {
    let kind: NormalizationKind
    let size: Int
    let epsilon: Float
    /// `[size]`, f32, in the original order; nil is 1.
    let weight: DeviceBuffer?
    /// `[size]`, f32, in the original order; nil is 0.
    let bias: DeviceBuffer?
    /// Input channel of each output channel, `[size]`, int32; nil is the original order.
    let order: DeviceBuffer?

    init(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?,
        device: CUDADevice
    ) throws {
        let permutation = permutation.flatMap { $0.isIdentity ? nil : $0 }
        if let permutation, permutation.count != size {
            throw CUDAWeightError.shape([permutation.count], role: "a normalisation's order", expected: [size])
        }
        func upload(_ tensor: Tensor?, role: String) throws -> DeviceBuffer? {
            guard let tensor else { return nil }
            guard tensor.shape == [size] else {
                throw CUDAWeightError.shape(tensor.shape, role: role, expected: [size])
            }
            return try device.buffer(tensor.floats())
        }
        self.kind = kind
        self.size = size
        self.epsilon = epsilon
        self.weight = try upload(weight, role: "a normalisation's weight")
        self.bias = try upload(bias, role: "a normalisation's bias")
        order = try permutation.map { try device.buffer($0.order) }
    }
}

/// A table of rows, in its own element type.
package struct CUDAEmbedding: Sendable {
    let rows: Int
    let channels: Int
    /// Multiplies the rows that are looked up.
    let scale: Float
    let table: DeviceBuffer
    /// Its element type, as the names of kernels have it.
    let type: String

    init(_ table: Tensor, scale: Float, device: CUDADevice) throws {
        guard table.shape.count == 2 else {
            throw CUDAWeightError.shape(table.shape, role: "an embedding table", expected: [table.rows, table.columns])
        }
        type =
            switch table.elementType {
            case .float32: "float32"
            case .bfloat16: "bfloat16"
            case .float16: "float16"
            default: throw CUDAWeightError.elementType(table.elementType, role: "an embedding table")
            }
        rows = table.rows
        channels = table.columns
        self.scale = scale
        self.table = try device.buffer(bytesOf: table)
    }
}

/// An attention's constants.
package struct CUDAAttention: Sendable {
    let description: AttentionDescription
    /// Where each output channel is written, `[H * S]`, int32; nil is the original order.
    let places: DeviceBuffer?
    let rotary: CUDARotaryTable?

    init(_ description: AttentionDescription, context: CUDAContext) throws {
        guard description.headSize <= AttentionPlan.mostHeadSize else {
            throw CUDAWeightError.headSize(description.headSize)
        }
        let heads = description.headCount + description.keyValueHeadCount
        guard heads <= LaunchSize.mostAcross else { throw CUDAWeightError.headCount(heads) }
        let channels = description.headCount * description.headSize
        self.description = description
        rotary = RotaryAngles(description).map { context.rotaryTable($0) }
        if let permutation = description.outputPermutation, !permutation.isIdentity {
            guard permutation.count == channels else {
                throw CUDAWeightError.shape(
                    [permutation.count], role: "an attention's output order", expected: [channels])
            }
            places = try context.device.buffer(permutation.inverse.order)
        } else {
            places = nil
        }
    }
}

extension CUDADevice {
    /// Memory that holds a tensor's elements as they are.
    func buffer(bytesOf tensor: Tensor) throws(CUDAError) -> DeviceBuffer {
        let buffer = try allocate(tensor.byteCount)
        let copied = unsafe tensor.withUnsafeBytes { bytes in
            Result { () throws(CUDAError) in try buffer.all.upload(unsafe bytes.bytes) }
        }
        try copied.get()
        return buffer
    }
}
