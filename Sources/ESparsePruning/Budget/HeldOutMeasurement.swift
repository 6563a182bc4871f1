// Measures models on held-out sequences, one decoder block in memory at a time.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels

/// Losses and output errors on sequences that no calibration reads.
struct HeldOutMeasurement<B: Backend> {
    let architecture: ModelArchitecture
    let backend: B
    let sequences: [[Int32]]
    /// Makes a pass over the sequences that reports its progress through the closure.
    let pass: (_ advance: @escaping () -> Void) -> CalibrationPass<B>
    /// Inputs of the blocks of even and of odd number, overwritten in turn.
    let files: [HiddenStateFile]
    let parallel: ParallelLoop
    let progress: any ProgressReporter

    /// Mean negative log-likelihood in nats of all tokens but each sequence's first.
    ///
    /// - Throws: `PruningError.lossNotFinite`; `InterruptedError`; errors of the weights and the disk.
    func loss(of weights: any WeightSource) throws -> Double {
        let count = architecture.blockCount
        let counter = PassCounter(
            stage: "Measuring", passes: Array(repeating: 1, count: count), firstBlock: 0,
            sequenceCount: sequences.count, progress: progress)
        let pass = pass(counter.advance)
        try pass.embed(sequences, with: architecture.loadEmbedding(from: weights, onto: backend), to: files[0])
        for index in 0..<count {
            let block = try architecture.loadBlock(index, from: weights, onto: backend)
            try pass.run(block, from: files[index % 2], to: files[(index + 1) % 2])
        }
        let head = try architecture.loadHead(from: weights, onto: backend)
        var sum = 0.0
        for (index, tokens) in sequences.enumerated() {
            try Interruption.check()
            let hidden = try backend.activation(tokens: tokens.count, channels: architecture.hiddenSize) { values in
                try files[count % 2].read(sequence: index, into: &values, parallel: parallel)
            }
            let losses = try head.likelihoods(
                of: Array(tokens.dropFirst()), backend.rows(Array(0..<tokens.count - 1), of: hidden))
            sum += losses.reduce(0) { $0 + $1.negativeLogLikelihood } / Double(losses.count)
        }
        let mean = sum / Double(sequences.count)
        guard mean.isFinite else { throw PruningError.lossNotFinite }
        return mean
    }

    /// How much pruning one site alone changes what its block hands on: the mean over tokens of the squared change of the
    /// block's output, as a share of the output's squared norm. The blocks before are dense.
    ///
    /// The norm that the next block begins with divides every token by its own size, so a share is what later blocks see, and
    /// shares can be compared between blocks.
    /// - Parameters:
    ///   - dense: the dense model.
    ///   - onlyPruned: the same model with one site of one block pruned.
    /// - Returns: one figure for each of `sites`.
    /// - Throws: `InterruptedError`; errors of the weights and the disk.
    func outputErrors(
        dense: any WeightSource, sites: [BudgetSite], onlyPruned: (BudgetSite) -> any WeightSource
    ) throws -> [Double] {
        let siteCounts = (0..<architecture.blockCount).map { index in sites.count { $0.block == index } }
        let counter = PassCounter(
            stage: "Ranking", passes: siteCounts.map { $0 + 1 }, firstBlock: 0, sequenceCount: sequences.count,
            progress: progress)
        let pass = pass(counter.advance)
        try pass.embed(sequences, with: architecture.loadEmbedding(from: dense, onto: backend), to: files[0])
        var errors: [Double] = []
        for index in 0..<architecture.blockCount {
            let (inputs, outputs) = (files[index % 2], files[(index + 1) % 2])
            try pass.run(architecture.loadBlock(index, from: dense, onto: backend), from: inputs, to: outputs)
            for site in sites where site.block == index {
                let block = try architecture.loadBlock(index, from: onlyPruned(site), onto: backend)
                errors.append(try outputError(of: block, pass, inputs: inputs, expected: outputs))
            }
        }
        return errors
    }

    private func outputError(
        of block: DecoderBlock<B>, _ pass: CalibrationPass<B>, inputs: HiddenStateFile, expected: HiddenStateFile
    ) throws -> Double {
        let channels = architecture.hiddenSize
        var sum = 0.0
        try pass.forEachOutput(of: block, inputs: inputs) { sequence, found in
            let exact = try backend.activation(tokens: found.count / channels, channels: channels) { values in
                try expected.read(sequence: sequence, into: &values, parallel: parallel)
            }
            try backend.withFloats(of: exact) { exact in
                for start in stride(from: 0, to: found.count, by: channels) {
                    var (change, size) = (0.0, 0.0)
                    for index in start..<start + channels {
                        let difference = Double(found[index]) - Double(exact[index])
                        change += difference * difference
                        size += Double(exact[index]) * Double(exact[index])
                    }
                    if size > 0 { sum += change / size }
                }
            }
        }
        return sum / Double(inputs.sequenceCount * inputs.valuesPerSequence / channels)
    }
}

/// An input site of one block whose linears are pruned or left dense together, because they share a shuffle.
struct BudgetSite: Equatable {
    /// The block.
    let block: Int
    /// Name of the site in the block.
    let name: String
    /// Weights that the settings select, in the model's order.
    let selected: [String]
    /// Number of weights in them: pruning saves bytes in proportion.
    let weightCount: Int

    /// All sites of a model where the settings select a linear, in the model's order.
    static func all(of architecture: ModelArchitecture, settings: PruningSettings) -> [BudgetSite] {
        architecture.blocks.enumerated().flatMap { index, block in
            block.sites.compactMap { site in
                let selected = site.linears.filter { settings.selects($0.name) }
                guard !selected.isEmpty else { return nil }
                return BudgetSite(
                    block: index, name: site.name, selected: selected.map(\.name),
                    weightCount: selected.reduce(0) { $0 + $1.rows * $1.columns })
            }
        }
    }
}
