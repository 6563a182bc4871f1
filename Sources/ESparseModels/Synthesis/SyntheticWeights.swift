// Random weights for a model's shape: every chunk of every tensor has its own random stream, so order does not matter.

public import ESparseCore

/// Random bf16 weights of a whole model, drawn as they are read.
///
/// Linears are scaled so that activations stay near 1 (those that write the residual stream are damped by the depth),
/// norms are 1 with a little noise. The same seed gives the same bytes whatever is read, in whatever order.
public struct SyntheticWeights: WeightSource {
    /// Elements in a chunk, but for a tensor's last.
    package static let chunkElementCount = 1 << 18

    private let tensors: [String: TensorDescription]
    private let seed: UInt64
    private let blockCount: Int

    /// Every tensor name, sorted.
    public let tensorNames: [String]

    /// Describes random weights for all tensors of `architecture`.
    public init(_ architecture: ModelArchitecture, seed: UInt64) {
        tensors = Dictionary(architecture.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        tensorNames = tensors.keys.sorted()
        blockCount = architecture.blockCount
        self.seed = seed
    }

    /// The shape of a tensor, or nil for an unknown name.
    public func shape(of name: String) -> [Int]? { tensors[name]?.shape }

    /// Number of chunks of a tensor: its elements over `chunkElementCount`, rounded up; 0 for an unknown name.
    package func chunkCount(of name: String) -> Int {
        (elementCount(of: name) + SyntheticWeights.chunkElementCount - 1) / SyntheticWeights.chunkElementCount
    }

    /// The bf16 bit patterns of chunk `index`: elements from `index * chunkElementCount` on, row-major.
    package func chunk(_ index: Int, of name: String) -> [UInt16] {
        precondition(index >= 0 && index < chunkCount(of: name))
        guard let tensor = tensors[name] else { return [] }
        let start = index * SyntheticWeights.chunkElementCount
        let count = min(SyntheticWeights.chunkElementCount, elementCount(of: name) - start)
        let (mean, deviation) = distribution(of: tensor)
        var random = SeededRandom(seed: seed ^ SyntheticWeights.hash(name), stream: UInt64(index))
        return (0..<count).map { _ in
            BFloat16(mean + deviation * SyntheticWeights.bell(random.next())).bitPattern
        }
    }

    /// A whole tensor in memory.
    ///
    /// - Throws: `ModelError.missingTensor` for an unknown name.
    public func tensor(_ name: String) throws -> Tensor {
        guard let shape = shape(of: name) else { throw ModelError.missingTensor(name, expected: []) }
        let elements = (0..<chunkCount(of: name)).flatMap { chunk($0, of: name) }
        return try Tensor(elementType: .bfloat16, shape: shape, storage: ByteStorage(copying: elements))
    }

    /// A whole dense linear weight in memory.
    ///
    /// - Throws: `ModelError.missingTensor` for an unknown name.
    public func linearWeight(_ name: String) throws -> LinearWeight {
        LinearWeight(matrix: .dense(try tensor(name)))
    }

    private func elementCount(of name: String) -> Int { tensors[name]?.shape.reduce(1, *) ?? 0 }

    /// Mean and standard deviation of a tensor's elements.
    private func distribution(of tensor: TensorDescription) -> (mean: Float, deviation: Float) {
        let columns = Float(tensor.shape.last ?? 1)
        return switch tensor.role {
        case .embedding, .linear: (0, 1 / columns.squareRoot())
        case .residualLinear: (0, 1 / (columns * Float(2 * blockCount)).squareRoot())
        case .bias, .normalizationOffset: (0, 0.02)
        case .normalization: (1, 0.02)
        }
    }

    /// A bell-shaped number of mean 0 and variance 1, within 3.5 of 0: the sum of the bits' four 16-bit uniforms.
    private static func bell(_ bits: UInt64) -> Float {
        let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
        // Four uniforms on 65536 values have mean 131070 and variance 4 * 65536^2 / 12.
        return (Float(sum) - 131_070) * 2.642_9e-5
    }

    /// FNV-1a of the name's UTF-8.
    private static func hash(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
