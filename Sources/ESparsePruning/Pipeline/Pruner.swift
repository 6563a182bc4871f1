// The block-sequential pruning run: calibrate a block, prune it, re-run it pruned, hand its outputs to the next.

import ESparseCPU
public import ESparseCore
public import ESparseFormats
public import ESparseModels

/// Prunes a whole checkpoint, one decoder block in memory at a time.
///
/// Order of work for each block: statistics of its input sites over all calibration sequences, saliency, shuffle and
/// mask of its linears, outputs of the pruned block. A block is durable once its shard is written, and that happens when its
/// outputs are on the disk: a killed run goes on after the last durable block and ends with the same bytes.
public struct Pruner<B: Backend> {
    private let checkpoint: Checkpoint
    private let architecture: ModelArchitecture
    private let settings: PruningSettings
    private let backend: B
    /// Where the arithmetic of pruning is done; nil is the processor.
    private let device: PruningDevice<B.Activation>?
    let weights: OutputTensors
    private let pool: ThreadPool
    private let progress: any ProgressReporter
    /// Where the time goes.
    private let stages: PruningStages

    /// Checks that the settings fit the model; reads no weights.
    ///
    /// - Parameter stages: gathers where the time goes.
    /// - Throws: `PruningError` when a linear cannot have the pattern, none is selected, or the model is pruned already;
    ///   `ModelError` when the checkpoint lacks tensors or the model has too few positions for the calibration sequences.
    public init(
        checkpoint: Checkpoint, architecture: ModelArchitecture, settings: PruningSettings, backend: B,
        threadCount: Int, stages: PruningStages = PruningStages(), progress: any ProgressReporter
    ) throws {
        try self.init(
            checkpoint: checkpoint, architecture: architecture, settings: settings, backend: backend, device: nil,
            threadCount: threadCount, stages: stages, progress: progress)
    }

    /// The same with the arithmetic of pruning where `device` does it; nil is the processor.
    package init(
        checkpoint: Checkpoint, architecture: ModelArchitecture, settings: PruningSettings, backend: B,
        device: PruningDevice<B.Activation>?, threadCount: Int, stages: PruningStages = PruningStages(),
        progress: any ProgressReporter
    ) throws {
        guard checkpoint.manifest == nil else { throw PruningError.alreadyPruned(path: checkpoint.path) }
        let linears = architecture.blocks.flatMap { $0.sites.flatMap(\.linears) }.filter { settings.selects($0.name) }
        let names = architecture.blocks.flatMap { $0.sites.flatMap { $0.linears.map(\.name) } }
        for glob in settings.include + settings.exclude where !names.contains(where: Glob(glob).matches) {
            throw PruningError.unmatchedGlob(glob, example: names[0])
        }
        guard !linears.isEmpty else { throw PruningError.nothingSelected }
        for linear in linears {
            try settings.pattern.requireDivides(columns: linear.columns, linear: linear.name)
        }
        try architecture.validate(checkpoint.weights)
        guard settings.method.skippedPositions < settings.sequenceLength else {
            throw PruningError.nothingToCount(
                skipped: settings.method.skippedPositions, sequenceLength: settings.sequenceLength)
        }
        if let limit = architecture.positionLimit, settings.sequenceLength > limit, settings.method.requirement != .none
        {
            throw ModelError.tooManyPositions(needed: settings.sequenceLength, available: limit)
        }
        self.checkpoint = checkpoint
        self.architecture = architecture
        self.settings = settings
        self.backend = backend
        self.device = device
        self.stages = stages
        self.progress = progress
        pool = ThreadPool(threadCount: threadCount)
        weights = OutputTensors(
            source: checkpoint.weights, matrixType: checkpoint.kind == .gguf ? settings.precision.weightType : nil,
            storage: settings.storage)
    }

    /// Prunes into the folder `output`, which appears when it is complete.
    ///
    /// - Parameters:
    ///   - output: the folder to make; until then the run lives in `<output>.partial`.
    ///   - calibrationDigest: stands for the calibration text in the manifest, and tells on resuming whether it changed.
    ///   - files: further files of the output by name, such as tokenizer.json.
    ///   - resume: goes on with an unfinished run.
    ///   - diagnose: told about each site after it is pruned by a calibrated method. That takes a matrix `[C, C]` of singles
    ///     for each input site of a block.
    ///   - calibration: makes the calibration set; called only when the run has none stored.
    /// - Throws: `FormatError` when the output exists or an unfinished run is in the way; `PruningError`; `FileError`;
    ///   `InterruptedError`, after which the run can be resumed.
    public func run(
        output: String, calibrationDigest: String, files: [String: [UInt8]], resume: Bool,
        diagnose: ((SiteDiagnostics) -> Void)? = nil, calibration: () throws -> CalibrationSet
    ) throws -> SparseManifest {
        try run(
            output: output, calibrationDigest: calibrationDigest, files: files, resume: resume, diagnose: diagnose,
            calibration: calibration, willWrite: { _, _ in })
    }

    /// Everything that decides the output, for the manifest and for resuming.
    func description(calibrationDigest: String) throws -> PruningRun {
        var inputs = ["model": try InputDigest.of(checkpoint)]
        if settings.method.requirement != .none { inputs["calibration"] = calibrationDigest }
        return PruningRun(
            toolVersion: toolVersion, method: settings.method.name, pattern: settings.pattern,
            storage: settings.storage, settings: settings.named, inputs: inputs)
    }

    /// As the public `run`; `willWrite` sees every pruned block before it is written.
    func run(
        output: String, calibrationDigest: String, files: [String: [UInt8]], resume: Bool,
        diagnose: ((SiteDiagnostics) -> Void)?, calibration: () throws -> CalibrationSet,
        willWrite: (Int, PrunedBlock) throws -> Void
    ) throws -> SparseManifest {
        let folder = try RunFolder(
            output: output, blockCount: architecture.blockCount,
            run: description(calibrationDigest: calibrationDigest), resume: resume)
        do {
            if !folder.writer.isComplete(.outer) {
                try folder.writer.write(.outer, tensors: weights.outer(of: architecture))
            }
            if settings.method.requirement == .none {
                try pruneWithoutCalibration(folder)
            } else {
                let set = try stages.measure(.calibrationText) {
                    try folder.calibration(
                        sampleCount: settings.sampleCount, sequenceLength: settings.sequenceLength, make: calibration)
                }
                try pruneWithCalibration(folder, set, diagnose, willWrite)
            }
            let manifest = try folder.writer.finish(
                configuration: checkpoint.configuration(storing: weights.matrixType), files: files)
            noteDamping(manifest)
            return manifest
        } catch {
            folder.discardIfWorthless(after: error)
            throw error
        }
    }

    private func pruneWithoutCalibration(_ folder: RunFolder) throws {
        let count = architecture.blockCount
        for block in folder.writer.completedBlockCount..<count {
            progress.report(stage: "Pruning", completed: block, total: count, unit: "blocks")
            try weights.checkValues(of: architecture.blocks[block])
            try write(block, try prune(block, statistics: [:], isDiagnosed: false), to: folder)
        }
        progress.report(stage: "Pruning", completed: count, total: count, unit: "blocks")
    }

    private func pruneWithCalibration(
        _ folder: RunFolder, _ set: CalibrationSet, _ diagnose: ((SiteDiagnostics) -> Void)?,
        _ willWrite: (Int, PrunedBlock) throws -> Void
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
                (isSelected ? settings.method.requirement.passCount : 0) + (index < last ? 1 : 0)
            }, firstBlock: first, sequenceCount: set.sequences.count, progress: progress)
        let pass = try calibrationPass(gathersProducts: diagnose != nil, advance: counter.advance)
        if first == 0 {
            let embedding = try architecture.loadEmbedding(from: checkpoint.weights, onto: backend)
            try pass.embed(set.sequences, with: embedding, to: try hiddenStates(folder, before: 0, set))
        }
        var unfinished: BackgroundWrite?
        // A block that is being written when a later one fails is still finished: its work is not lost.
        defer { try? unfinished?.wait() }
        for index in first..<architecture.blockCount {
            let inputs = try hiddenStates(folder, before: index, set)
            // Calibration would spread what is not finite, and the error would name another tensor.
            try weights.checkValues(of: architecture.blocks[index])
            var pruned = PrunedBlock()
            if selected[index] {
                let dense = try architecture.loadBlock(index, from: checkpoint.weights, onto: backend)
                let sites = architecture.blocks[index].sites.filter { site in
                    site.linears.contains { settings.selects($0.name) }
                }
                let statistics = try stages.measure(.statistics) {
                    try pass.statistics(of: dense, sites: sites, inputs: inputs)
                }
                pruned = try prune(index, statistics: statistics, isDiagnosed: diagnose != nil)
                if let diagnose { pruned.diagnostics.forEach(diagnose) }
                try willWrite(index, pruned)
            }
            // The block before must be durable before its inputs' file is written over with this block's outputs.
            try stages.measure(.writing) { try unfinished?.wait() }
            unfinished = nil
            guard index < last else {
                try write(index, pruned, to: folder)
                continue
            }
            let block = try architecture.loadBlock(
                index, from: PrunedWeights(source: checkpoint.weights, pruned: pruned), onto: backend)
            let outputs = try hiddenStates(folder, before: index + 1, set)
            try stages.measure(.outputs) { try pass.run(block, from: inputs, to: outputs) }
            let tensors = try weights.block(architecture.blocks[index], pruned: pruned)
            unfinished = BackgroundWrite { [records = pruned.records] in
                try outputs.synchronize()
                try folder.writer.write(.block(index), tensors: tensors, linears: records)
            }
        }
    }

    /// A pass of sequences of the settings' length through a block at a time.
    func calibrationPass(gathersProducts: Bool, advance: @escaping () -> Void) throws -> CalibrationPass<B> {
        let cache = architecture.cacheDescription(sequenceCount: 1, capacity: settings.sequenceLength)
        let kernels = ChannelKernels(pool: pool, instructionSet: try InstructionSet.selected())
        return CalibrationPass(
            backend: backend, sequenceLength: settings.sequenceLength, hiddenSize: architecture.hiddenSize,
            cacheDescription: cache.singleLayer, method: settings.method,
            gathersProducts: gathersProducts,
            calibration: device?.calibration ?? HostCalibration(backend: backend, kernels: kernels), kernels: kernels,
            parallel: { [pool] in pool.run(count: $0, $1) }, advance: advance)
    }

    private func hiddenStates(_ folder: RunFolder, before block: Int, _ set: CalibrationSet) throws -> HiddenStateFile {
        try folder.hiddenStates(
            before: block, sequenceCount: set.sequences.count,
            valuesPerSequence: settings.sequenceLength * architecture.hiddenSize)
    }

    private func prune(
        _ index: Int, statistics: [String: ChannelStatistics], isDiagnosed: Bool
    ) throws -> PrunedBlock {
        let pool = pool
        let pruner = BlockPruner(
            settings: settings, weights: weights, diagnosedBlock: isDiagnosed ? index : nil, stages: stages,
            arithmetic: device?.weights ?? HostWeights()
        ) { pool.run(count: $0, $1) }
        return try pruner.prune(architecture.blocks[index].sites, statistics: statistics)
    }

    /// Says once where Hessians took more damping than was asked for.
    private func noteDamping(_ manifest: SparseManifest) {
        guard let asked = settings.method.update?.damping else { return }
        let raised = manifest.linears.filter { $0.statistics["damping", default: asked] > asked }
        guard let most = raised.max(by: { $0.statistics["damping", default: 0] < $1.statistics["damping", default: 0] })
        else { return }
        progress.note(
            "Note: the Hessians of \(raised.count) of \(manifest.linears.count) linears were not positive definite with "
                + "damping \(asked); \(most.name) took \(most.statistics["damping", default: 0]), the most "
                + "(\(SparseManifest.fileName) has all)")
    }

    private func write(_ index: Int, _ pruned: PrunedBlock, to folder: RunFolder) throws {
        try stages.measure(.writing) {
            try folder.writer.write(
                .block(index), tensors: weights.block(architecture.blocks[index], pruned: pruned),
                linears: pruned.records)
        }
    }
}
