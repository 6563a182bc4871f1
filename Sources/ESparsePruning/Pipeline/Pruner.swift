// A pruning run from a checkpoint to a folder: what must hold before it starts, and the folder it leaves.

import ESparseCPU
public import ESparseCore
public import ESparseFormats
public import ESparseModels

/// Prunes a whole checkpoint, one decoder block in memory at a time.
///
/// Where shuffles are absorbed, a pass through the dense model first chooses an order of the residual stream; from then on the
/// model in that order is the one that is pruned. Order of work for each block: statistics of its input sites over all
/// calibration sequences, saliency, shuffle and mask of its linears, outputs of the pruned block. A block is durable once its
/// weights are written, and that happens when its outputs are on the disk: a killed run goes on after the last durable block and
/// ends with the same bytes.
public struct Pruner<B: Backend> {
    private let checkpoint: Checkpoint
    private let architecture: ModelArchitecture
    private let settings: PruningSettings
    private let backend: B
    /// Does the arithmetic of pruning.
    private let device: any PruningDevice<B.Activation>
    let weights: OutputTensors
    private let pool: ThreadPool
    private let progress: any ProgressReporter
    /// Where the time goes.
    private let times: PruningTimes

    /// Checks that the settings fit the model; reads no weights. `times` gathers where the time goes.
    ///
    /// - Throws: `PruningError` when a linear cannot have the pattern, none is selected, or the model is pruned already;
    ///   `ModelError` when the checkpoint lacks tensors or the model has too few positions for the calibration sequences.
    public init(
        checkpoint: Checkpoint, architecture: ModelArchitecture, settings: PruningSettings, backend: B,
        threadCount: Int, times: PruningTimes = PruningTimes(), progress: any ProgressReporter
    ) throws {
        let device = CPUPruning(
            backend: backend, pool: ThreadPool(threadCount: threadCount), instructionSet: try .selected())
        try self.init(
            checkpoint: checkpoint, architecture: architecture, settings: settings, backend: backend, device: device,
            threadCount: threadCount, times: times, progress: progress)
    }

    /// The same with the arithmetic of pruning on any device.
    package init(
        checkpoint: Checkpoint, architecture: ModelArchitecture, settings: PruningSettings, backend: B,
        device: any PruningDevice<B.Activation>, threadCount: Int, times: PruningTimes = PruningTimes(),
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
        if settings.ordersResidualStream(of: architecture) { _ = try architecture.residualAxes() }
        guard settings.method.skippedPositions < settings.sequenceLength else {
            throw PruningError.nothingToCount(
                skipped: settings.method.skippedPositions, sequenceLength: settings.sequenceLength)
        }
        if let limit = architecture.positionLimit, settings.sequenceLength > limit, settings.requirement != .none {
            throw ModelError.tooManyPositions(needed: settings.sequenceLength, available: limit)
        }
        self.checkpoint = checkpoint
        self.architecture = architecture
        self.settings = settings
        self.backend = backend
        self.device = device
        self.times = times
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
    ///   - resume: goes on with an unfinished run; removes what a finished one left beside its output.
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
            calibration: calibration, observer: PruningObserver())
    }

    /// Everything that decides the output, for the manifest and for resuming.
    func description(calibrationDigest: String) throws -> PruningRun {
        var inputs = ["model": try InputDigest.of(checkpoint)]
        if settings.requirement != .none { inputs["calibration"] = calibrationDigest }
        return PruningRun(
            toolVersion: toolVersion, method: settings.method.name, pattern: settings.pattern,
            storage: settings.storage, settings: settings.named, inputs: inputs)
    }

    /// As the public `run`; `observer` sees what the output does not tell.
    func run(
        output: String, calibrationDigest: String, files: [String: [UInt8]], resume: Bool,
        diagnose: ((SiteDiagnostics) -> Void)?, calibration: () throws -> CalibrationSet, observer: PruningObserver
    ) throws -> SparseManifest {
        let description = try description(calibrationDigest: calibrationDigest)
        if resume, let manifest = try SparseCheckpointWriter.tidyingUp(after: description, output: output) {
            progress.note("\(output) was complete already; what the run had left beside it is removed")
            return manifest
        }
        let folder = try RunFolder(
            output: output, blockCount: architecture.blockCount, run: description, resume: resume)
        do {
            try prune(on: device, folder, diagnose, calibration, observer)
            try folder.removeHiddenStates()
            let manifest = try folder.writer.finish(
                configuration: checkpoint.configuration(storing: weights.matrixType), files: files,
                origin: checkpoint.origin, progress: progress)
            for stage in settings.stages {
                if let note = stage.work.note(on: manifest.linears) { progress.note(note) }
            }
            return manifest
        } catch {
            folder.discardIfWorthless(after: error)
            throw error
        }
    }

    /// Everything, on the device that the run was given.
    private func prune<D: PruningDevice<B.Activation>>(
        on device: D, _ folder: RunFolder, _ diagnose: ((SiteDiagnostics) -> Void)?,
        _ calibration: () throws -> CalibrationSet, _ observer: PruningObserver
    ) throws {
        func calibrationSet() throws -> CalibrationSet? {
            guard settings.requirement != .none else { return nil }
            return try times.measure(.calibrationText) {
                try folder.calibration(
                    sampleCount: settings.sampleCount, sequenceLength: settings.sequenceLength, make: calibration)
            }
        }
        var weights = weights
        if settings.ordersResidualStream(of: architecture) {
            let set = try calibrationSet()
            let order = try times.measure(.residualOrder) {
                try residualOrder(on: device, folder, set)
            }
            try observer.didOrder(order)
            weights.source = try AbsorbedWeights(source: weights.source, architecture: architecture, order: order)
        }
        if !folder.writer.isComplete(.outer) {
            try folder.writer.write(.outer, tensors: weights.outer(of: architecture))
        }
        let loop = BlockLoop(
            architecture: architecture, settings: settings, backend: backend, device: device, weights: weights,
            pool: pool, times: times, progress: progress, folder: folder)
        guard let set = try calibrationSet() else { return try loop.prune() }
        try loop.prune(
            set.appendingFirstTokens(sequenceCount: settings.firstTokenSequences),
            makePass: { calibrationPass(texts: set.sequences.count, advance: $0) }, diagnose, observer.willWrite)
    }

    /// The order of the residual stream: that of the unfinished run, or a new one.
    private func residualOrder<D: PruningDevice<B.Activation>>(
        on device: D, _ folder: RunFolder, _ set: CalibrationSet?
    ) throws -> Permutation {
        try folder.residualOrder(channels: architecture.hiddenSize) {
            let search = ResidualOrderSearch(
                architecture: architecture, settings: settings, backend: backend, device: device, weights: weights,
                pool: pool, progress: progress, folder: folder)
            return try search.search(set) { calibrationPass(advance: $0) }
        }
    }

    /// A pass of sequences of the settings' length through a block at a time: first `texts` of them that run as one text each, then
    /// those whose tokens run alone. Without `texts` there are none of the latter.
    func calibrationPass(texts: Int = .max, advance: @escaping () -> Void) -> CalibrationPass<B> {
        let cache = architecture.cacheDescription(sequenceCount: 1, capacity: settings.sequenceLength)
        return CalibrationPass(
            backend: backend, sequenceLength: settings.sequenceLength, hiddenSize: architecture.hiddenSize,
            textCount: texts, cacheDescription: cache.singleLayer, parallel: { [pool] in pool.run(count: $0, $1) },
            advance: advance)
    }
}

/// Sees what a run does and its output does not tell.
struct PruningObserver {
    /// The order of the residual stream, where the run has one, before anything is pruned; again when the run is resumed.
    var didOrder: (Permutation) throws -> Void = { _ in }
    /// Every pruned block, with its number, before it is written.
    var willWrite: (Int, PrunedBlock) throws -> Void = { _, _ in }
}
