// Decoding steps as CUDA graphs: each kind of step is recorded once, then started with one call a token.

package import ESparseCore

/// Runs steps of decoding.
///
/// Nothing that is recorded depends on the host's values: tokens, sequences, positions and random numbers lie in small buffers on
/// the device. The first step of a kind runs its operations one by one, which prepares whatever they need; the second is
/// recorded; that and all others are one launch each. Drawn tokens stay on the device for the next step; the host gets a copy.
package final class CUDADecoder: TokenDecoder {
    /// The backend that runs the steps.
    package typealias Place = CUDABackend

    /// Steps that share a record.
    private struct Kind: Hashable {
        /// T: sequences.
        let tokenCount: Int
        /// Splits of the attentions, a power of two or all that the cache can fill: positions grow without a new record for long.
        let splits: Int
        /// The address of the cache's keys.
        let cache: UInt64
    }

    private enum State {
        /// It ran once.
        case prepared
        case recorded(CUDAGraph)
    }

    private let context: CUDAContext
    private let rule: SamplingRule
    private let memory: StepMemory
    private var states: [Kind: State] = [:]
    private var inputs: [Int: StepInput] = [:]

    /// Kinds of steps that are recorded.
    package var graphCount: Int {
        states.values.count {
            if case .recorded = $0 { true } else { false }
        }
    }

    init(context: CUDAContext, rule: SamplingRule) {
        self.context = context
        self.rule = rule
        memory = StepMemory(on: context.device)
    }

    /// Runs one step and returns the tokens drawn, `[T]`.
    ///
    /// - Throws: what `forward` throws; `CUDAError`.
    package func step(
        _ tokens: [Int32], batch: TokenBatch, uniforms: [Double], cache: inout CUDAKeyValueCache,
        forward: (inout CUDAKeyValueCache) throws -> CUDAActivation
    ) throws -> [Int32] {
        precondition(
            tokens.count == batch.tokenCount && batch.segments.count == tokens.count && uniforms.count == tokens.count,
            "a step has one token and one random number for each sequence")
        let input = try input(tokenCount: tokens.count)
        try input.write(tokens: tokens, batch: batch, uniforms: uniforms)
        let kind = Kind(
            tokenCount: tokens.count, splits: Self.splits(of: batch, capacity: cache.description.capacity),
            cache: try cache.makeUnique())
        switch states[kind] {
        case .recorded(let graph): try graph.launch()
        case .prepared:
            let graph = try context.device.capture { try run(input, kind, &cache, forward) }
            states[kind] = .recorded(graph)
            try graph.launch()
        case nil:
            _ = try run(input, kind, &cache, forward)
            states[kind] = .prepared
        }
        return try input.drawn()
    }

    /// Puts all work of a step on the stream; returns the buffers that a record of it must keep.
    private func run(
        _ input: StepInput, _ kind: Kind, _ cache: inout CUDAKeyValueCache,
        _ forward: (inout CUDAKeyValueCache) throws -> CUDAActivation
    ) throws -> [DeviceBuffer] {
        let step = DecodingStep(
            tokens: input.tokens.all, places: input.places, splits: kind.splits, memory: memory)
        try DecodingStep.$current.withValue(step) {
            try input.enqueueCopyIn()
            let logits = try forward(&cache)
            precondition(
                logits.element == .float32 && logits.tokens == kind.tokenCount, "a step ends with its logits")
            try context.draw(from: logits, by: rule, uniforms: input.uniforms, to: input.tokens.all)
            try input.enqueueCopyOut()
        }
        return step.keptBuffers
    }

    private func input(tokenCount: Int) throws(CUDAError) -> StepInput {
        if let input = inputs[tokenCount] { return input }
        let input = try StepInput(tokenCount: tokenCount, device: context.device)
        inputs[tokenCount] = input
        return input
    }

    /// Splits for the longest sequence, rounded up to a power of two, but no more than the cache can fill.
    static func splits(of batch: TokenBatch, capacity: Int) -> Int {
        let positions = batch.segments.map { $0.start + 1 }.max() ?? 1
        var splits = 1
        while splits < AttentionPlan.splits(positionCount: positions) { splits *= 2 }
        return min(splits, AttentionPlan.splits(positionCount: capacity))
    }
}

extension CUDABackend {
    /// Records steps of decoding as graphs.
    package func makeDecoder(_ rule: SamplingRule) throws -> (any TokenDecoder<CUDABackend>)? {
        CUDADecoder(context: context, rule: rule)
    }
}
