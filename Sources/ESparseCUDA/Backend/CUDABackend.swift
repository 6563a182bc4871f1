// Runs models on an NVIDIA GPU: the operations of `Backend`, each handed to its kernel or library.

package import ESparseCore

/// Runs models on an NVIDIA GPU.
///
/// The residual stream is single precision; what enters a product or an attention, weights and the KV cache are bfloat16 or float16, and
/// sums are single precision in a fixed order, so that the same device gives the same bits every time. All work goes through one
/// stream; an operation returns when its work is enqueued, and copies to the host wait. Operations throw when the device fails.
package struct CUDABackend: Backend {
    /// A linear layer on the device.
    package typealias PreparedLinear = CUDALinear

    /// How sparse weights lie on the device.
    package enum WeightMemory: Sendable {
        /// 2:4 weights also in cuSPARSELt's own form, a second copy: fastest for any number of tokens.
        case fastest
        /// Kept values and bits only, as small as the checkpoint; many tokens run on weights that are written out for each pass.
        case smallest
    }

    /// What linears multiply in and the KV cache holds.
    package var type: HalfType { context.type }
    /// The device.
    package var device: CUDADevice { context.device }
    /// How sparse weights lie on the device.
    package let weightMemory: WeightMemory
    /// Measured choices of kernels; nil means built-in rules.
    package var profile: KernelProfile<CUDALinearTraits>?
    /// Entries of the vocabulary whose logits are made at once when targets are scored; a multiple of 8.
    package var vocabularyTile = 16_384

    let context: CUDAContext

    /// Opens device `index`; `cache` keeps compiled kernels.
    ///
    /// - Throws: `CUDAError` when there is no such device, or the driver, NVRTC or cuBLASLt is missing or fails.
    package init(
        deviceIndex: Int = 0, type: HalfType = .bfloat16, weightMemory: WeightMemory = .fastest,
        toolkit: CUDAToolkit, cache: KernelCache? = .standard()
    ) throws(CUDAError) {
        let device = try CUDADevice(index: deviceIndex, driver: toolkit.driver)
        let sparse = Result { () throws(CUDAError) in
            try SparseMultiplier(device: device, library: toolkit.sparse.get())
        }
        context = CUDAContext(
            device: device, kernels: KernelLibrary(device: device, compiler: toolkit.compiler, cache: cache),
            dense: try DenseMultiplier(device: device, library: toolkit.dense), sparse: sparse, type: type)
        self.weightMemory = weightMemory
        toolkit.keepLoaded()
    }

    /// One sentence about what is missing here and what runs instead; nil where all is there.
    package var limitation: String? {
        guard case .failure(let error) = context.sparse else { return nil }
        return "2:4 linears of more than \(CUDALinearTraits.fewTokens) tokens run as dense ones: \(error)"
    }

    /// Prepares a linear: weight `[R, C]`, bias `[R]`.
    ///
    /// - Throws: `CUDAWeightError` when a type or shape does not fit; `CUDAError`.
    package func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> CUDALinear {
        try CUDALinear(weight, bias: bias, traits: kind(of: weight), profile: profile, context: context)
    }

    /// Prepares a normalisation over `size` channels that writes its output in the order of `permutation`.
    ///
    /// - Throws: `CUDAWeightError` when a shape does not fit; `CUDAError`.
    package func prepareNormalization(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?
    ) throws -> CUDANormalization {
        try CUDANormalization(
            kind, size: size, weight: weight, bias: bias, epsilon: epsilon, permutation: permutation, device: device)
    }

    /// Copies a table `[rows, channels]` to the device; rows are multiplied by `scale` as they are looked up.
    ///
    /// - Throws: `CUDAWeightError` when it is not a matrix of floating-point numbers; `CUDAError`.
    package func prepareEmbedding(_ table: Tensor, scale: Float) throws -> CUDAEmbedding {
        try CUDAEmbedding(table, scale: scale, device: device)
    }

    /// Prepares an attention; all attentions with the same angles share one table of cosines and sines.
    ///
    /// - Throws: `CUDAWeightError` when the heads are too large or the output order does not have H * S channels; `CUDAError`.
    package func prepareAttention(_ description: AttentionDescription) throws -> CUDAAttention {
        try CUDAAttention(description, context: context)
    }

    /// Makes an empty KV cache.
    ///
    /// - Throws: `CUDAError.outOfMemory`.
    package func makeCache(_ description: CacheDescription) throws -> CUDAKeyValueCache {
        try CUDAKeyValueCache(description, device: device)
    }
}
