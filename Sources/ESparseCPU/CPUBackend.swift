// Runs models on the CPU: the operations of `Backend`, each handed to its kernel.

public import ESparseCore
import Synchronization

/// The CPU as a place that runs models.
///
/// Activations are single precision. In `.bfloat16` precision linears multiply in bfloat16 and the KV cache holds
/// bfloat16; everything else is computed in single precision. Results do not depend on the number of threads.
public struct CPUBackend: Backend {
    /// A linear layer, ready to run.
    public struct PreparedLinear: Sendable {
        /// The layer, which also says which kernels run it.
        package let linear: CPULinear

        /// Wraps a layer.
        package init(linear: CPULinear) { self.linear = linear }
    }

    /// How linears multiply and what the KV cache holds.
    public let precision: Precision

    /// The instructions that kernels use.
    package let instructionSet: InstructionSet
    /// Measured choices of kernels; nil means built-in rules.
    package let profile: KernelProfile<LinearTraits>?

    /// The threads that share the work.
    package let pool: ThreadPool
    private let kernels: LayerKernels
    private let buffers = BufferPool()
    private let rotaryTables = RotaryTables()

    /// Starts the threads of a backend; `threadCount` counts the caller's.
    ///
    /// - Throws: when the environment asks for an instruction set that the processor does not have, or oneDNN is built for
    ///   threads that cannot be held back.
    public init(precision: Precision, threadCount: Int) throws {
        try self.init(precision: precision, threadCount: threadCount, profile: nil)
    }

    /// The same with measured choices of kernels.
    package init(precision: Precision, threadCount: Int, profile: KernelProfile<LinearTraits>?) throws {
        try DenseLibrary.check()
        self.init(
            precision: precision, threadCount: threadCount, instructionSet: try InstructionSet.selected(),
            profile: profile)
    }

    /// The same with a given instruction set, which the processor must have, and measured choices of kernels.
    package init(
        precision: Precision, threadCount: Int, instructionSet: InstructionSet,
        profile: KernelProfile<LinearTraits>? = nil
    ) {
        self.precision = precision
        self.profile = profile
        self.instructionSet = instructionSet
        pool = ThreadPool(threadCount: threadCount)
        kernels = LayerKernels(instructionSet, pool: pool)
    }

    /// Threads that take part, the caller's included.
    public var threadCount: Int { pool.threadCount }

    /// Prepares a linear: weight `[R, C]`, bias `[R]`.
    ///
    /// - Throws: when a type or shape does not fit.
    public func prepareLinear(_ weight: LinearWeight, bias: Tensor?) throws -> PreparedLinear {
        PreparedLinear(
            linear: try CPULinear(
                weight: weight, bias: bias, precision: precision, pool: pool, instructionSet: instructionSet,
                profile: profile))
    }

    /// Prepares a normalisation over `size` channels that writes its output in the order of `permutation`.
    ///
    /// - Throws: when a type or shape does not fit.
    public func prepareNormalization(
        _ kind: NormalizationKind, size: Int, weight: Tensor?, bias: Tensor?, epsilon: Float, permutation: Permutation?
    ) throws -> CPUNormalization {
        try CPUNormalization(
            kind, size: size, weight: weight, bias: bias, epsilon: epsilon, permutation: permutation)
    }

    /// Prepares a table `[rows, channels]`, which is read where it is mapped; rows are multiplied by `scale` as they are looked up.
    ///
    /// - Throws: when it is not a matrix of floating-point numbers.
    public func prepareEmbedding(_ table: Tensor, scale: Float) throws -> CPUEmbedding {
        try CPUEmbedding(table, scale: scale)
    }

    /// Prepares an attention; all attentions with the same angles share one table of cosines and sines.
    ///
    /// - Throws: when the output order does not have H * S channels.
    public func prepareAttention(_ description: AttentionDescription) throws -> CPUAttention {
        try CPUAttention(
            description,
            rotary: RotaryAngles(description).map { rotaryTables.table($0, pool: buffers) })
    }

    /// Makes an empty KV cache.
    ///
    /// - Throws: when memory cannot be had.
    public func makeCache(_ description: CacheDescription) throws -> CPUKeyValueCache {
        try CPUKeyValueCache(description, isBFloat16: precision == .bfloat16)
    }

    /// Copies values `[T, channels]` in.
    public func activation(_ values: [Float], channels: Int) -> CPUActivation {
        precondition(channels > 0 && values.count % channels == 0, "values do not fill rows of \(channels) channels")
        return unsafe makeActivation(tokens: values.count / channels, channels: channels) { output in
            unsafe values.withUnsafeBufferPointer { source in
                if let start = source.baseAddress { unsafe output.update(from: start, count: values.count) }
            }
        }
    }

    /// Makes `[T, channels]` of the values that `fill` writes in place.
    ///
    /// - Throws: what `fill` throws.
    public func activation(
        tokens: Int, channels: Int, fill: (inout MutableSpan<Float>) throws -> Void
    ) rethrows -> CPUActivation {
        try unsafe makeActivation(tokens: tokens, channels: channels) { output in
            let buffer = unsafe UnsafeMutableBufferPointer(start: output, count: tokens * channels)
            var values = unsafe buffer.mutableSpan
            try fill(&values)
        }
    }

    /// Copies values out, row-major.
    public func floats(of activation: CPUActivation) -> [Float] {
        unsafe activation.withValues { values in
            unsafe [Float](UnsafeBufferPointer(start: values, count: activation.count))
        }
    }

    /// Calls `body` with the values in place, row-major.
    ///
    /// - Throws: what `body` throws.
    public func withFloats<Result>(
        of activation: CPUActivation, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        try unsafe activation.withValues { values in
            let buffer = unsafe UnsafeBufferPointer(start: values, count: activation.count)
            return try unsafe body(buffer.span)
        }
    }

    /// Rows `indices` of the table times its scale, `[indices.count, channels]`.
    public func embed(_ indices: [Int32], in table: CPUEmbedding) -> CPUActivation {
        unsafe makeActivation(tokens: indices.count, channels: table.table.columns) { output in
            unsafe kernels.embed(indices, in: table, output: output)
        }
    }

    /// `x` `[T, n * size]` with every run of the normalisation's `size` channels normalised on its own.
    public func normalize(_ input: CPUActivation, with normalization: CPUNormalization) -> CPUActivation {
        let (runs, rest) = input.channels.quotientAndRemainder(dividingBy: normalization.size)
        precondition(rest == 0, "input does not have the normalisation's channels")
        precondition(runs == 1 || normalization.order.isEmpty, "runs of channels keep their order")
        return unsafe makeActivation(tokens: input.tokens, channels: input.channels) { output in
            unsafe input.withValues { values in
                unsafe kernels.normalize(values, runs: input.tokens * runs, with: normalization, output: output)
            }
        }
    }

    /// `x W^T + b`, `[T, R]`.
    public func multiply(_ input: CPUActivation, by linear: PreparedLinear) -> CPUActivation {
        precondition(input.channels == linear.linear.columns, "input does not have the linear's channels")
        return unsafe makeActivation(tokens: input.tokens, channels: linear.linear.rows) { output in
            unsafe input.withValues { values in
                unsafe linear.linear.multiply(
                    input: values, tokens: input.tokens, output: output, accumulate: false, pool: pool)
            }
        }
    }

    /// Logits `x W^T + b`, `[T, R]`, capped where there is a `softCap`.
    public func logits(_ input: CPUActivation, by head: PreparedLinear, softCap: Float?) -> CPUActivation {
        var logits = multiply(input, by: head)
        if let softCap {
            let count = logits.count
            unsafe logits.withMutableValues { unsafe kernels.softCap($0, count: count, at: softCap) }
        }
        return logits
    }

    /// `residual += x W^T + b`.
    public func multiply(
        _ input: CPUActivation, by linear: PreparedLinear, addingTo residual: inout CPUActivation
    ) {
        precondition(input.channels == linear.linear.columns, "input does not have the linear's channels")
        precondition(
            residual.channels == linear.linear.rows && residual.tokens == input.tokens,
            "residual does not have the linear's shape")
        unsafe residual.withMutableValues { output in
            unsafe input.withValues { values in
                unsafe linear.linear.multiply(
                    input: values, tokens: input.tokens, output: output, accumulate: true, pool: pool)
            }
        }
    }

    /// Appends keys and values of the batch to the cache and returns causal attention within the window, `[T, H * S]`.
    ///
    /// Many query rows of a sequence run as tiles of 128 rows, few (decoding) as pieces of 256 keys, whatever the number of
    /// threads.
    public func attend(
        query: CPUActivation, key: CPUActivation, value: CPUActivation, batch: TokenBatch, layer: Int,
        with attention: CPUAttention, cache: inout CPUKeyValueCache
    ) -> CPUActivation {
        let shape = attention.description
        let layout = cache.layout
        let keyChannels = shape.keyValueHeadCount * shape.headSize
        precondition(
            query.channels == shape.headCount * shape.headSize && key.channels == keyChannels
                && value.channels == keyChannels, "queries, keys or values do not have the attention's channels")
        precondition(
            query.tokens == batch.tokenCount && key.tokens == batch.tokenCount && value.tokens == batch.tokenCount,
            "queries, keys or values are not those of the batch")
        precondition(
            layout.description.keyValueHeadCount == shape.keyValueHeadCount
                && layout.description.headSize == shape.headSize, "the cache is of another attention's shape")
        let positionCount = batch.segments.map { $0.start + $0.count }.max() ?? 0
        precondition(positionCount <= layout.description.capacity, "the cache is full")
        var token = 0
        let firstTokens = batch.segments.map { segment in
            defer { token += segment.count }
            return token
        }
        let rotation = attention.rotary.map { $0.rows($0.angles.rowCount(for: batch)) }
        return unsafe makeActivation(tokens: query.tokens, channels: query.channels) { output in
            unsafe cache.withMutableBytes(positions: positionCount) { keys, values in
                unsafe query.withValues { queryValues in
                    let run = unsafe AttentionRun(
                        kernels: kernels, buffers: buffers, batch: batch, attention: attention, cache: layout,
                        layer: layer, query: queryValues, output: output, keys: keys, values: values,
                        rotation: rotation, firstTokens: firstTokens)
                    unsafe key.withValues { keyValues in
                        unsafe value.withValues { unsafe run.append(key: keyValues, value: $0) }
                    }
                    run.attend()
                }
            }
        }
    }

    /// `function(gate) * up`, `[T, channels]`.
    public func gate(_ gate: CPUActivation, _ up: CPUActivation, function: ActivationFunction) -> CPUActivation {
        precondition(gate.channels == up.channels && gate.tokens == up.tokens, "gate and up differ in shape")
        return unsafe makeActivation(tokens: gate.tokens, channels: gate.channels) { output in
            unsafe gate.withValues { gateValues in
                unsafe up.withValues { upValues in
                    unsafe kernels.apply(function, gateValues, upValues, count: gate.count, output: output)
                }
            }
        }
    }

    /// `function(x)`, `[T, channels]`.
    public func apply(_ function: ActivationFunction, to input: CPUActivation) -> CPUActivation {
        unsafe makeActivation(tokens: input.tokens, channels: input.channels) { output in
            unsafe input.withValues { values in
                unsafe kernels.apply(function, values, nil, count: input.count, output: output)
            }
        }
    }

    /// `accumulator += addend`.
    public func add(_ addend: CPUActivation, to accumulator: inout CPUActivation) {
        precondition(
            addend.channels == accumulator.channels && addend.tokens == accumulator.tokens, "terms differ in shape")
        unsafe accumulator.withMutableValues { output in
            unsafe addend.withValues { values in
                unsafe kernels.add(values, to: output, count: addend.count)
            }
        }
    }

    /// Rows `indices` of an activation, `[indices.count, channels]`.
    public func rows(_ indices: [Int], of activation: CPUActivation) -> CPUActivation {
        let channels = activation.channels
        return unsafe makeActivation(tokens: indices.count, channels: channels) { output in
            unsafe activation.withValues { values in
                for (token, index) in indices.enumerated() {
                    precondition(index >= 0 && index < activation.tokens, "row outside the activation")
                    unsafe (output + token * channels).update(from: values + index * channels, count: channels)
                }
            }
        }
    }

    /// `-ln softmax(logits)[target]` of every row, and whether the target is the likeliest token, `[T]`.
    public func likelihoods(
        of targets: [Int32], hidden: CPUActivation, head: PreparedLinear, softCap: Float?
    ) -> [TargetLikelihood] {
        precondition(targets.count == hidden.tokens, "a target is needed for every token")
        precondition(hidden.channels == head.linear.columns, "hidden states do not have the head's channels")
        return unsafe hidden.withValues { values in
            unsafe head.linear.likelihoods(targets: targets, hidden: values, softCap: softCap, pool: pool)
        }
    }

    private func makeActivation(
        tokens: Int, channels: Int, _ initialize: (UnsafeMutablePointer<Float>) throws -> Void
    ) rethrows -> CPUActivation {
        try unsafe CPUActivation(tokens: tokens, channels: channels, pool: buffers, initialize: initialize)
    }
}
