// The loop over blocks: calibrate a block, prune it, re-run it pruned, hand its outputs to the next.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels

/// The blocks of one run, on a backend that runs them and a device that prunes them.
struct BlockLoop<B: Backend, D: PruningDevice> where D.Activation == B.Activation {
    let architecture: ModelArchitecture
    let settings: PruningSettings
    let backend: B
    let device: D
    /// The tensors to prune as the output stores them.
    let weights: OutputTensors
    let pool: ThreadPool
    /// Where the time goes.
    let times: PruningTimes
    let progress: any ProgressReporter
    let folder: RunFolder

    /// Prunes every block by its weights alone.
    ///
    /// - Throws: as `Pruner.run`.
    func prune() throws {
        let count = architecture.blockCount
        for block in folder.writer.completedBlockCount..<count {
            progress.report(stage: "Pruning", completed: block, total: count, unit: "blocks")
            try weights.checkValues(of: architecture.blocks[block])
            try write(block, try prune(block, statistics: [:], isDiagnosed: false))
        }
        progress.report(stage: "Pruning", completed: count, total: count, unit: "blocks")
    }

    /// Calibrates and prunes block by block; `makePass` makes the pass of sequences that reports through its closure.
    ///
    /// - Throws: as `Pruner.run`.
    func prune(
        _ set: CalibrationSet, makePass: (@escaping () -> Void) -> CalibrationPass<B>,
        _ diagnose: ((SiteDiagnostics) -> Void)?, _ willWrite: (Int, PrunedBlock) throws -> Void
    ) throws {
        let first = folder.writer.completedBlockCount
        let selected = architecture.blocks.map { block in
            block.sites.contains { site in site.linears.contains { settings.selects($0.name) } }
        }
        // Blocks after the last one that is pruned need no inputs.
        let last = selected.lastIndex(of: true) ?? 0
        let counter = PassCounter(
            stage: "Pruning",
            passes: selected.enumerated().map { index, isSelected in
                (isSelected ? settings.requirement.passCount : 0) + (index < last ? 1 : 0)
            }, firstBlock: first, sequenceCount: set.sequences.count, progress: progress)
        let pass = makePass(counter.advance)
        let request = StatisticsRequest(
            requirement: settings.requirement, skippedPositions: settings.method.skippedPositions,
            sumsProducts: settings.needsProducts || diagnose != nil,
            kernels: ChannelKernels(pool: pool, instructionSet: try .selected()))
        if first == 0 {
            let embedding = try architecture.loadEmbedding(from: weights.source, onto: backend)
            try pass.embed(set.sequences, with: embedding, to: try hiddenStates(before: 0, set))
        }
        var unfinished: BackgroundWrite?
        // A block that is being written when a later one fails is still finished: its work is not lost.
        defer { try? unfinished?.wait() }
        for index in first..<architecture.blockCount {
            let inputs = try hiddenStates(before: index, set)
            // Calibration would spread what is not finite, and the error would name another tensor.
            try weights.checkValues(of: architecture.blocks[index])
            var pruned = PrunedBlock()
            if selected[index] {
                let dense = try architecture.loadBlock(index, from: weights.source, onto: backend)
                let sites = architecture.blocks[index].sites.filter { site in
                    site.linears.contains { settings.selects($0.name) }
                }
                let statistics = try times.measure(.statistics) {
                    try pass.statistics(of: dense, sites: sites, inputs: inputs, request, on: device)
                }
                pruned = try prune(index, statistics: statistics, isDiagnosed: diagnose != nil)
                if let diagnose { pruned.diagnostics.forEach(diagnose) }
                try willWrite(index, pruned)
            }
            // The block before must be durable before its inputs' file is written over with this block's outputs.
            try times.measure(.writing) { try unfinished?.wait() }
            unfinished = nil
            guard index < last else {
                try write(index, pruned)
                continue
            }
            let block = try architecture.loadBlock(
                index, from: PrunedWeights(source: weights.source, pruned: pruned), onto: backend)
            let outputs = try hiddenStates(before: index + 1, set)
            try times.measure(.outputs) { try pass.run(block, from: inputs, to: outputs) }
            let tensors = try weights.block(architecture.blocks[index], pruned: pruned)
            unfinished = BackgroundWrite { [records = pruned.records, writer = folder.writer] in
                try outputs.synchronize()
                try writer.write(.block(index), tensors: tensors, linears: records)
            }
        }
    }

    private func hiddenStates(before block: Int, _ set: CalibrationSet) throws -> HiddenStateFile {
        try folder.hiddenStates(
            before: block, sequenceCount: set.sequences.count,
            valuesPerSequence: settings.sequenceLength * architecture.hiddenSize)
    }

    private func prune(
        _ index: Int, statistics: [String: SiteStatistics<D.Products>], isDiagnosed: Bool
    ) throws -> PrunedBlock {
        let pool = pool
        let pruner = BlockPruner(
            settings: settings, weights: weights, diagnosedBlock: isDiagnosed ? index : nil, times: times,
            device: device
        ) { pool.run(count: $0, $1) }
        return try pruner.prune(architecture.blocks[index].sites, statistics: statistics)
    }

    private func write(_ index: Int, _ pruned: PrunedBlock) throws {
        try times.measure(.writing) {
            try folder.writer.write(
                .block(index), tensors: weights.block(architecture.blocks[index], pruned: pruned),
                linears: pruned.records)
        }
    }
}
