// Chooses the one order of the residual stream's channels that a whole model shares, by a pass through the dense model.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels

/// The search for the order, before anything is pruned.
///
/// Calibration sequences run through the dense model block by block. At every input of a layer the rows of its linears are scored
/// as pruning will score them; the shuffle then takes all rows of the model for rows of one linear.
struct ResidualOrderSearch<B: Backend, D: PruningDevice> where D.Activation == B.Activation {
    /// The most calibration sequences that run: the order needs only rough statistics, which sixty sites average.
    static var sequenceLimit: Int { 32 }

    let architecture: ModelArchitecture
    let settings: PruningSettings
    let backend: B
    let device: D
    /// The source's tensors as the output stores them, in their own order.
    let weights: OutputTensors
    let pool: ThreadPool
    let progress: any ProgressReporter
    let folder: RunFolder

    /// The sites of each block whose channels are those of the residual stream and that have a linear to prune.
    private var sites: [[InputSite]] {
        architecture.blocks.map { $0.residualSites.filter(settings.selectsLinear) }
    }

    /// Searches the order.
    ///
    /// - Parameters:
    ///   - set: the run's calibration set; nil where the method needs none.
    ///   - makePass: makes the pass of sequences that reports through its closure.
    /// - Throws: `PruningError` for values that are not finite; `InterruptedError`; `FileError`; errors of the weights and the
    ///   device.
    func search(
        _ set: CalibrationSet?, makePass: (@escaping () -> Void) -> CalibrationPass<B>
    ) throws -> Permutation {
        let sites = sites
        let rows = sites.joined().flatMap(\.linears).filter { settings.selects($0.name) }.reduce(0) { $0 + $1.rows }
        var sample = SaliencySample(rowCount: rows, channels: architecture.hiddenSize, seed: settings.seed)
        // What is not finite is named by its place in the source, so it must be found before the order is applied.
        _ = try weights.outer(of: architecture)
        if let set, settings.method.requirement != .none {
            try gather(Array(set.sequences.prefix(Self.sequenceLimit)), sites, makePass, into: &sample)
        } else {
            for (index, sites) in sites.enumerated() {
                try Interruption.check()
                progress.report(stage: stage, completed: index, total: sites.count, unit: "blocks")
                try weights.checkValues(of: architecture.blocks[index])
                for site in sites { try sample.append(site: score(site, nil, &sample)) }
            }
            progress.report(stage: stage, completed: sites.count, total: sites.count, unit: "blocks")
        }
        let matrix = SaliencyMatrix(sample.values, columns: architecture.hiddenSize)
        let found = settings.channelShuffle.search([matrix], pattern: settings.pattern) { [pool] in
            pool.run(count: $0, $1)
        }
        return found.permutation ?? .identity(architecture.hiddenSize)
    }

    private var stage: String { "Ordering" }

    private func gather(
        _ sequences: [[Int32]], _ sites: [[InputSite]], _ makePass: (@escaping () -> Void) -> CalibrationPass<B>,
        into sample: inout SaliencySample
    ) throws {
        let last = sites.lastIndex { !$0.isEmpty } ?? 0
        let requirement = settings.method.requirement
        let counter = PassCounter(
            stage: stage, passes: sites[...last].map { $0.isEmpty ? 1 : requirement.passCount }, firstBlock: 0,
            sequenceCount: sequences.count, progress: progress)
        let pass = makePass(counter.advance)
        let sumsProducts = if case .inverseHessian = requirement { true } else { false }
        let request = StatisticsRequest(
            requirement: requirement, skippedPositions: settings.method.skippedPositions, sumsProducts: sumsProducts,
            kernels: ChannelKernels(pool: pool, instructionSet: try .selected()))
        func hiddenStates(before block: Int) throws -> HiddenStateFile {
            try folder.hiddenStates(
                before: block, sequenceCount: sequences.count,
                valuesPerSequence: settings.sequenceLength * architecture.hiddenSize)
        }
        try pass.embed(
            sequences, with: architecture.loadEmbedding(from: weights.source, onto: backend),
            to: hiddenStates(before: 0))
        for (index, sites) in sites[...last].enumerated() {
            try weights.checkValues(of: architecture.blocks[index])
            let block = try architecture.loadBlock(index, from: weights.source, onto: backend)
            let inputs = try hiddenStates(before: index)
            let outputs = index < last ? try hiddenStates(before: index + 1) : nil
            if sites.isEmpty, let outputs { try pass.run(block, from: inputs, to: outputs) }
            let statistics = try pass.statistics(
                of: block, sites: sites, inputs: inputs, request, on: device, storing: outputs)
            for site in sites { try sample.append(site: score(site, statistics[site.name], &sample)) }
        }
    }

    /// Saliencies of rows drawn from the site's linears, `[rows, D]`.
    private func score(
        _ site: InputSite, _ statistics: SiteStatistics<D.Products>?, _ sample: inout SaliencySample
    ) throws -> [Float] {
        let masking = MaskedSite(
            name: site.linears[0].name, device: device, products: statistics?.products, pattern: settings.pattern,
            parallel: { [pool] in pool.run(count: $0, $1) })
        let channels = try masking.completing(statistics?.channels, for: settings.method.requirement)
        return try site.linears.filter { settings.selects($0.name) }.flatMap { linear in
            let rows = sample.draw(from: linear.rows)
            let saliencies = try score(linear, rows: rows, channels)
            if let index = saliencies.firstIndex(where: { !$0.isFinite }) {
                throw PruningError.nonFiniteSaliency(
                    linear: linear.name, row: Int(rows[index / linear.columns]), column: index % linear.columns)
            }
            return saliencies
        }
    }

    private func score(
        _ linear: LinearDescription, rows: [Int32], _ statistics: ChannelStatistics?
    ) throws -> [Float] {
        let weight = try weights.tensor(linear.name)
        if let factors = settings.method.channelFactors(statistics: statistics) {
            return weightedMagnitudes(
                try weight.gatheringRows(rows).floats(), rows: rows.count, columns: linear.columns, factors: factors)
        }
        // Such a score may depend on all rows of the linear.
        let all = settings.method.saliency(
            weight: try weight.floats(), rows: linear.rows, columns: linear.columns, statistics: statistics)
        return rows.flatMap { all[Int($0) * linear.columns..<(Int($0) + 1) * linear.columns] }
    }
}
