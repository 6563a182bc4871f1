// `esparse prune --budget`: prunes as much of a model as its loss on held-out sequences allows.

import ESparseCPU
public import ESparseCore
public import ESparseFormats
public import ESparseModels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Finds which input sites must stay dense so that the perplexity of held-out sequences rises no more than asked.
///
/// 1. Everything is pruned with the pattern asked for. If its loss fits, that is the result.
/// 2. Else everything is pruned with groups of twice the size (2:4 becomes 4:8), which takes the same bytes.
/// 3. Else sites are ranked by how much pruning each alone changes, a weight (`HeldOutMeasurement.outputErrors`), and
///    bisection finds how many from the top must be dense. Its models are put together from the weights of the run of
///    step 2, so each costs one pass of the held-out sequences.
/// 4. The model is pruned again without those sites, as `--exclude` would leave them out, and its own loss is measured: only
///    that decides. While it does not fit, a twentieth of the sites more stay dense.
///
/// The result has the weights of a plain run with that pattern and `--exclude`.
public struct BudgetSearch<B: Backend> {
    /// Held-out sequences that losses are measured on.
    public static var heldOutCount: Int { 16 }

    private let checkpoint: Checkpoint
    private let architecture: ModelArchitecture
    private let settings: PruningSettings
    private let percent: Double
    private let keepsPattern: Bool
    private let backend: B
    private let device: any PruningDevice<B.Activation>
    private let threadCount: Int
    private let times: PruningTimes
    private let progress: any ProgressReporter
    private let plain: Pruner<B>

    /// Checks that the settings fit the model; reads no weights. The perplexity may rise by `percent` per cent, above 0;
    /// `keepsPattern` leaves out the second step.
    ///
    /// - Throws: as `Pruner`.
    public init(
        checkpoint: Checkpoint, architecture: ModelArchitecture, settings: PruningSettings, percent: Double,
        keepsPattern: Bool, backend: B, threadCount: Int, times: PruningTimes = PruningTimes(),
        progress: any ProgressReporter
    ) throws {
        let device = CPUPruning(
            backend: backend, pool: ThreadPool(threadCount: threadCount), instructionSet: try .selected())
        try self.init(
            checkpoint: checkpoint, architecture: architecture, settings: settings, percent: percent,
            keepsPattern: keepsPattern, backend: backend, device: device, threadCount: threadCount, times: times,
            progress: progress)
    }

    /// The same with the arithmetic of pruning on any device.
    package init(
        checkpoint: Checkpoint, architecture: ModelArchitecture, settings: PruningSettings, percent: Double,
        keepsPattern: Bool, backend: B, device: any PruningDevice<B.Activation>, threadCount: Int,
        times: PruningTimes = PruningTimes(), progress: any ProgressReporter
    ) throws {
        precondition(percent > 0 && settings.requirement != .none)
        self.checkpoint = checkpoint
        self.architecture = architecture
        self.settings = settings
        self.percent = percent
        self.keepsPattern = keepsPattern
        self.backend = backend
        self.device = device
        self.threadCount = threadCount
        self.times = times
        self.progress = progress
        plain = try Pruner(
            checkpoint: checkpoint, architecture: architecture, settings: settings, backend: backend, device: device,
            threadCount: threadCount, times: times, progress: progress)
    }

    /// Prunes into the folder `output`, which appears when it is complete; until then everything is in `<output>.budget`.
    ///
    /// - Parameters:
    ///   - output: the folder to make.
    ///   - calibrationDigest: as `Pruner.run`.
    ///   - files: as `Pruner.run`.
    ///   - resume: goes on with an unfinished search.
    ///   - calibration: makes the calibration set; called only when the search has none stored.
    ///   - heldOut: makes `heldOutCount` sequences that the calibration set does not read; called only when none are stored.
    /// - Throws: `PruningError.budgetTooSmall`, and as `Pruner.run`.
    public func run(
        output: String, calibrationDigest: String, files: [String: [UInt8]], resume: Bool,
        calibration: () throws -> CalibrationSet, heldOut: () throws -> CalibrationSet
    ) throws -> SparseManifest {
        let run = try plain.description(calibrationDigest: calibrationDigest)
        let description = PruningRun(
            toolVersion: run.toolVersion, method: run.method, pattern: run.pattern, storage: run.storage,
            settings: run.settings.merging(["budget": "\(percent)", "keep-pattern": "\(keepsPattern)"]) { $1 },
            inputs: run.inputs)
        let folder = try BudgetFolder(output: output, run: description, resume: resume)
        do {
            let set = try folder.sequences("calibration", length: settings.sequenceLength, make: calibration)
            let search = try Search(
                owner: self, folder: folder, set: set,
                measurement: measurement(
                    folder, folder.sequences("held-out", length: settings.sequenceLength, make: heldOut)),
                calibrationDigest: calibrationDigest, files: files)
            return try search.run()
        } catch {
            folder.discardIfWorthless(after: error)
            throw error
        }
    }

    private func measurement(_ folder: BudgetFolder, _ heldOut: CalibrationSet) throws -> HeldOutMeasurement<B> {
        let pool = ThreadPool(threadCount: threadCount)
        return HeldOutMeasurement(
            architecture: architecture, backend: backend, sequences: heldOut.sequences,
            pass: { plain.calibrationPass(advance: $0) },
            files: try (0..<2).map { index in
                try HiddenStateFile(
                    path: folder.file("held-out-\(index).f32"), sequenceCount: heldOut.sequences.count,
                    valuesPerSequence: settings.sequenceLength * architecture.hiddenSize)
            }, parallel: { pool.run(count: $0, $1) }, progress: progress)
    }

    /// One search with everything it needs.
    private struct Search {
        let owner: BudgetSearch
        let folder: BudgetFolder
        let set: CalibrationSet
        let measurement: HeldOutMeasurement<B>
        let calibrationDigest: String
        let files: [String: [UInt8]]

        private var settings: PruningSettings { owner.settings }

        func run() throws -> SparseManifest {
            let dense = try folder.loss(nil, denseSites: 0, isAssembled: false) {
                try owner.times.measure(.measuring) { try measurement.loss(of: owner.plain.weights) }
            }
            let limit = dense + log(1 + owner.percent / 100)
            var pattern = settings.pattern
            var loss = try prune(pattern, leaving: [])
            if loss > limit, let larger = largerGroups() {
                owner.progress.note(
                    "\(pattern) costs \(rise(loss, dense)) of perplexity, more than the budget; trying \(larger), "
                        + "which takes the same bytes")
                let other = try prune(larger, leaving: [])
                if other < loss { (pattern, loss) = (larger, other) }
            }
            guard loss > limit else { return try finish(pattern, leaving: [], dense: dense, loss: loss) }
            owner.progress.note(
                "\(pattern) costs \(rise(loss, dense)) of perplexity, more than the budget; searching for what must stay dense"
            )
            let ranked = try ranking(pattern)
            var count = try fewest(ranked, pattern, limit: limit)
            while count < ranked.count {
                let left = Array(ranked.prefix(count))
                let loss = try prune(pattern, leaving: left)
                if loss <= limit { return try finish(pattern, leaving: left, dense: dense, loss: loss) }
                count += max(1, ranked.count / 20)
            }
            throw PruningError.budgetTooSmall(percent: owner.percent)
        }

        /// The pattern with the same share of weights in groups of twice the size; nil where it is not allowed or does not
        /// fit all linears.
        private func largerGroups() -> SparsityPattern? {
            let pattern = settings.pattern
            guard !owner.keepsPattern, pattern.group <= 4,
                let larger = SparsityPattern(kept: 2 * pattern.kept, group: 2 * pattern.group)
            else { return nil }
            let linears = owner.architecture.blocks.flatMap { $0.sites.flatMap(\.linears) }
            let fits = linears.allSatisfy { !settings.selects($0.name) || $0.columns % larger.group == 0 }
            return fits ? larger : nil
        }

        private func rise(_ loss: Double, _ dense: Double) -> String {
            "\(((exp(loss - dense) - 1) * 10000).rounded() / 100) %"
        }

        /// Settings that prune with `pattern` and leave some sites dense.
        private func settings(_ pattern: SparsityPattern, leaving sites: [BudgetSite]) -> PruningSettings {
            var settings = settings
            settings.pattern = pattern
            settings.exclude += namesInOrder(sites)
            return settings
        }

        private func namesInOrder(_ sites: [BudgetSite]) -> [String] {
            BudgetSite.all(of: owner.architecture, settings: settings).filter(sites.contains).flatMap(\.selected)
        }

        private func name(_ pattern: SparsityPattern, _ sites: [BudgetSite]) -> String {
            "\(pattern.kept)of\(pattern.group)-\(sites.count)"
        }

        /// Prunes all but some sites, in a run of its own, and measures the result.
        private func prune(_ pattern: SparsityPattern, leaving sites: [BudgetSite]) throws -> Double {
            let name = name(pattern, sites)
            if !FileSystem.exists(folder.run(name)) {
                let pruner = try Pruner(
                    checkpoint: owner.checkpoint, architecture: owner.architecture,
                    settings: settings(pattern, leaving: sites), backend: owner.backend, device: owner.device,
                    threadCount: owner.threadCount, times: owner.times, progress: owner.progress)
                _ = try pruner.run(
                    output: folder.run(name), calibrationDigest: calibrationDigest, files: files, resume: true,
                    diagnose: nil, calibration: { set },
                    observer: PruningObserver(
                        didOrder: { try folder.store(residualOrder: $0, run: name) },
                        willWrite: { try folder.store(orderedRows: $1.orderedRows, of: $0, run: name) }))
            }
            return try folder.loss(pattern, denseSites: sites.count, isAssembled: false) {
                try owner.times.measure(.measuring) {
                    try measurement.loss(of: Checkpoint.open(folder.run(name)).weights)
                }
            }
        }

        /// The dense model in the order of the residual stream that the run which pruned everything with `pattern` has.
        private func dense(_ pattern: SparsityPattern) throws -> any WeightSource {
            let order = try folder.residualOrder(run: name(pattern, []), channels: owner.architecture.hiddenSize)
            guard let order else { return owner.plain.weights }
            return try AbsorbedWeights(
                source: owner.plain.weights, architecture: owner.architecture, order: order)
        }

        /// Models put together from the weights of that run.
        private func assembled(
            _ pattern: SparsityPattern
        ) throws -> (@escaping (Int, String) -> Bool) -> AssembledWeights {
            let name = name(pattern, [])
            let dense = try dense(pattern)
            let pruned = try Checkpoint.open(folder.run(name)).weights
            let orders = try owner.architecture.blocks.enumerated().map { index, block in
                try folder.orderedRows(of: block.sites, block: index, run: name, producers: settings.producers(of:))
            }
            return { isDense in
                AssembledWeights(
                    source: dense, pruned: pruned, architecture: owner.architecture, orderedRows: orders,
                    producers: settings.producers(of:), isDense: isDense)
            }
        }

        /// All sites, the one that costs most a weight first; ties in the model's order.
        private func ranking(_ pattern: SparsityPattern) throws -> [BudgetSite] {
            let sites = BudgetSite.all(of: owner.architecture, settings: settings)
            let errors = try folder.errors(pattern) {
                let assembled = try assembled(pattern)
                return try owner.times.measure(.measuring) {
                    try measurement.outputErrors(dense: dense(pattern), sites: sites) { site in
                        assembled { block, name in block != site.block || name != site.name }
                    }
                }
            }
            let costs = zip(errors, sites).map { $0 / Double($1.weightCount) }
            return sites.indices.sorted { (-costs[$0], $0) < (-costs[$1], $1) }.map { sites[$0] }
        }

        /// How many of the first sites must stay dense, by models put together from one run; all of them where no fewer fit.
        private func fewest(_ ranked: [BudgetSite], _ pattern: SparsityPattern, limit: Double) throws -> Int {
            let assembled = try assembled(pattern)
            var (tooFew, enough) = (0, ranked.count)
            while enough - tooFew > 1 {
                let count = (tooFew + enough) / 2
                let left = ranked.prefix(count)
                let loss = try folder.loss(pattern, denseSites: count, isAssembled: true) {
                    try owner.times.measure(.measuring) {
                        try measurement.loss(
                            of: assembled { block, name in left.contains { $0.block == block && $0.name == name } })
                    }
                }
                if loss <= limit { enough = count } else { tooFew = count }
            }
            return enough
        }

        private func finish(
            _ pattern: SparsityPattern, leaving sites: [BudgetSite], dense: Double, loss: Double
        ) throws -> SparseManifest {
            let result = try Checkpoint.open(folder.run(name(pattern, sites)))
            let everything = try Checkpoint.open(folder.run(name(settings.pattern, [])))
            guard let manifest = result.manifest else { throw PruningError.nothingSelected }
            let record = BudgetRecord(
                percent: owner.percent, rise: (exp(loss - dense) - 1) * 100,
                heldOutSequences: measurement.sequences.count, pattern: settings.pattern,
                keptDense: namesInOrder(sites), bytes: result.fileBytes, bytesWithoutBudget: everything.fileBytes,
                trials: folder.trials)
            let complete = SparseManifest(run: manifest.run, linears: manifest.linears, budget: record)
            try folder.finish(name(pattern, sites), manifest: complete, origin: owner.checkpoint.origin)
            return complete
        }
    }
}
