// One timed run of a model in this process: prefill, then decoding, and the memory that took.

import ESparseCPU
public import ESparseCore
public import ESparseModels

/// What one run of a model measured.
public struct ModelRun: Sendable, Codable {
    /// Prompt tokens of all sequences over the time until all their first tokens were known.
    public let prefillTokensPerSecond: Double
    /// Tokens of all sequences after their first, over the time they took.
    public let decodeTokensPerSecond: Double
    /// From the start of the forward pass until the first tokens of all sequences were known.
    public let secondsToFirstToken: Double
    /// Most memory of this process that was resident at once, mapped weights included.
    public let peakResidentBytes: Int
    /// Kernels of the decoder blocks' linears while decoding, and in the largest pass of a prompt: one of a single sequence.
    public let decodeKernels: [String]
    /// As `decodeKernels`.
    public let prefillKernels: [String]

    /// The work of a run.
    public struct Workload: Sendable, Equatable {
        /// Tokens of each prompt.
        public let promptTokens: Int
        /// Tokens drawn for each sequence.
        public let generatedTokens: Int
        /// Sequences side by side.
        public let batch: Int

        /// Describes a workload; all are at least 1, and at least 2 tokens are drawn.
        public init(promptTokens: Int, generatedTokens: Int, batch: Int) {
            precondition(promptTokens > 0 && generatedTokens > 1 && batch > 0)
            self.promptTokens = promptTokens
            self.generatedTokens = generatedTokens
            self.batch = batch
        }
    }

    /// Loads a model and runs random prompts through it once, after a short run that is not counted.
    ///
    /// - Throws: as `LanguageModel.load` and `hidden`.
    public init(
        architecture: ModelArchitecture, weights: any WeightSource, backend: some KernelReporting, workload: Workload
    ) throws {
        let model = try LanguageModel.load(architecture: architecture, weights: weights, backend: backend)
        let short = Workload(promptTokens: min(workload.promptTokens, 64), generatedTokens: 2, batch: workload.batch)
        _ = try Self.measure(model, short)
        let (prefill, decode) = try Self.measure(model, workload)
        peakResidentBytes = Processor.peakResidentBytes
        secondsToFirstToken = prefill
        prefillTokensPerSecond = Double(workload.batch * workload.promptTokens) / max(prefill, 1e-9)
        decodeTokensPerSecond = Double(workload.batch * (workload.generatedTokens - 1)) / max(decode, 1e-9)
        let ranges = try architecture.blocks.flatMap { $0.sites.flatMap(\.products) }.map { product in
            backend.kernelRanges(of: product.part(of: try weights.linearWeight(product.linear.name)))
        }
        func kernels(_ tokens: Int) -> [String] {
            Set(ranges.compactMap { $0.last { $0.firstTokens <= tokens }?.kernel }).sorted()
        }
        decodeKernels = kernels(workload.batch)
        prefillKernels = kernels(min(workload.promptTokens, TokenBatch.passTokens))
    }

    /// Seconds until all first tokens, and from then to the last.
    private static func measure<B: Backend>(
        _ model: LanguageModel<B>, _ workload: Workload
    ) throws -> (prefill: Double, decode: Double) {
        var random = SeededRandom(seed: 0)
        let vocabularySize = model.architecture.vocabularySize
        let prompts = (0..<workload.batch).map { _ in
            (0..<workload.promptTokens).map { _ in Int32(random.integer(below: vocabularySize)) }
        }
        var cache = try model.makeCache(
            sequenceCount: workload.batch, capacity: workload.promptTokens + workload.generatedTokens)
        var drawing = TokenDrawing(model: model)
        var samplers = prompts.indices.map { Sampler(.greedy, random: SeededRandom(seed: 0, stream: UInt64($0))) }
        let clock = ContinuousClock()
        let start = clock.now
        var next: [Int32] = []
        func drawn(_ tokens: [Int32?]) throws -> [Int32] {
            try tokens.map { token in
                guard let token else { throw ModelError.logitsNotFinite }
                return token
            }
        }
        for (sequence, prompt) in prompts.enumerated() {
            for first in stride(from: 0, to: prompt.count, by: TokenBatch.passTokens) {
                let piece = Array(prompt[first..<min(first + TokenBatch.passTokens, prompt.count)])
                let batch = TokenBatch([
                    .init(sequence: sequence, start: first, count: piece.count, textLength: prompt.count)
                ])
                let isLast = first + piece.count == prompt.count
                var sampler = Array(samplers[sequence..<sequence + (isLast ? 1 : 0)])
                next += try drawn(
                    drawing.draw(
                        after: isLast ? [piece.count - 1] : [], of: piece, batch: batch, samplers: &sampler,
                        cache: &cache))
            }
        }
        let firstTokens = clock.now
        for step in 0..<workload.generatedTokens - 1 {
            let batch = TokenBatch(
                (0..<workload.batch).map {
                    .init(sequence: $0, start: workload.promptTokens + step, count: 1)
                })
            next = try drawn(
                drawing.draw(
                    after: Array(next.indices), of: next, batch: batch, samplers: &samplers, cache: &cache))
        }
        return ((firstTokens - start) / .seconds(1), (clock.now - firstTokens) / .seconds(1))
    }
}
