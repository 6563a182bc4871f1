// Prunes the linears of one decoder block: saliency, shuffle and mask, site by site.

import ESparseCPU
import ESparseCore
import ESparseFormats
import ESparseModels

/// What became of one block's weights.
struct PrunedBlock: Sendable {
    /// Linear weights that changed, by logical name.
    var linears: [String: LinearWeight] = [:]
    /// Biases that changed because their rows were permuted, by name.
    var biases: [String: Tensor] = [:]
    /// The order of sites' channels that lies in the rows of the linears before, by the site's name.
    var orderedRows: [String: Permutation] = [:]
    /// Records of the pruned linears for the manifest.
    var records: [PrunedLinear] = []
    /// What was seen and done at each site, where that is gathered.
    var diagnostics: [SiteDiagnostics] = []
}

/// Prunes blocks by one method and one set of settings.
struct BlockPruner {
    let settings: PruningSettings
    let weights: any WeightSource
    /// Number of the block, where diagnostics are to be gathered.
    let diagnosedBlock: Int?
    let stages: PruningStages
    /// Where weights are scored, shuffled and masked.
    let arithmetic: any WeightArithmetic
    let parallel: ParallelLoop

    init(
        settings: PruningSettings, weights: any WeightSource, diagnosedBlock: Int?, stages: PruningStages,
        arithmetic: any WeightArithmetic, parallel: @escaping ParallelLoop
    ) {
        self.settings = settings
        self.weights = weights
        self.arithmetic = arithmetic
        self.diagnosedBlock = diagnosedBlock
        self.stages = stages
        self.parallel = parallel
    }

    private struct Scored {
        let linear: LinearDescription
        let weight: Tensor
        let scores: any WeightScores
    }

    private struct Masked {
        let matrix: SparseMatrix
        /// The saliency of what is kept as a share of all; nil where weights were updated.
        let retainedSaliency: Double?
        /// Further figures for the manifest, by name.
        let figures: [String: Double]
    }

    /// Prunes every selected linear of the sites, in order of data flow.
    ///
    /// - Throws: `PruningError`, or the format's error for a damaged tensor.
    func prune(_ sites: [InputSite], statistics: [String: ChannelStatistics]) throws -> PrunedBlock {
        var block = PrunedBlock()
        for site in sites {
            try Interruption.check()
            try prune(site, statistics: statistics[site.name], into: &block)
        }
        return block
    }

    private func prune(_ site: InputSite, statistics: ChannelStatistics?, into block: inout PrunedBlock) throws {
        let selected = site.linears.filter { settings.selects($0.name) }
        guard let first = selected.first else { return }
        var statistics = statistics
        let hessian = settings.method.update == nil && diagnosedBlock == nil ? nil : try statistics?.hessian()
        var unshuffled: SiteCompensation?
        if settings.method.requirement == .hessian {
            unshuffled = try compensation(hessian, nil, first)
            statistics?.inverseHessianDiagonal = unshuffled?.inverseDiagonal
        }
        let scored = try stages.measure(.scoring) { try selected.map { try score($0, statistics) } }
        let order = try stages.measure(.shuffle) { try shuffle(site, scored.map(\.scores)) }
        let isRuntime = if case .atRunTime = site.shuffle { true } else { false }
        // Let go of before the shuffled one is made: each holds a matrix `[C, C]`.
        if order != nil { unshuffled = nil }
        let compensation = try unshuffled ?? compensation(hessian, order, first)
        let refiner = try stages.measure(.mask) { try self.refiner(statistics, order, first) }
        for entry in scored {
            let masked = try stages.measure(.mask) { try mask(entry, order, compensation, refiner) }
            let matrix = masked.matrix
            block.linears[entry.linear.name] = LinearWeight(
                matrix: .sparse(matrix), permutation: isRuntime ? order : nil)
            block.records.append(try record(entry, masked, order))
        }
        if let diagnosedBlock, let statistics {
            block.diagnostics.append(
                try diagnose(site, block: diagnosedBlock, statistics, hessian, order, scored, pruned: block))
        }
        guard let order else { return }
        if case .inProducers(let producers) = site.shuffle {
            block.orderedRows[site.name] = order
            try permuteRows(of: producers, order, block: &block)
        } else {
            // Linears of the site that stay dense read the same shuffled input.
            for linear in site.linears where !settings.selects(linear.name) {
                let columns = try weights.tensor(linear.name).gatheringColumns(order.order)
                block.linears[linear.name] = LinearWeight(matrix: .dense(columns), permutation: order)
            }
        }
    }

    private func score(_ linear: LinearDescription, _ statistics: ChannelStatistics?) throws -> Scored {
        let weight = try weights.tensor(linear.name)
        let scores: any WeightScores
        if let factors = settings.method.channelFactors(statistics: statistics) {
            scores = try arithmetic.scores(of: weight, factors: factors)
        } else {
            let saliency = settings.method.saliency(
                weight: try weight.floats(), rows: linear.rows, columns: linear.columns, statistics: statistics)
            scores = try arithmetic.scores(of: weight, saliency: saliency)
        }
        if let index = try scores.firstNonFinite() {
            throw PruningError.nonFiniteSaliency(
                linear: linear.name, row: index / linear.columns, column: index % linear.columns)
        }
        return Scored(linear: linear, weight: weight, scores: scores)
    }

    /// The update of a site's weights, where the method has one.
    private func compensation(
        _ hessian: Hessian?, _ order: Permutation?, _ linear: LinearDescription
    ) throws -> SiteCompensation? {
        guard let update = settings.method.update, let hessian else { return nil }
        return try SiteCompensation(update, hessian: hessian, order: order, site: linear.name)
    }

    /// The refinement of a site's masks, where the method has one.
    private func refiner(
        _ statistics: ChannelStatistics?, _ order: Permutation?, _ linear: LinearDescription
    ) throws -> (any MaskRefiner)? {
        guard settings.method.refinesMask, let products = statistics?.products else { return nil }
        guard let refiner = try arithmetic.refiner(products: products, order: order, pattern: settings.pattern) else {
            throw PruningError.unusableHessian(site: linear.name)
        }
        return refiner
    }

    /// The linear with only its kept weights.
    private func mask(
        _ entry: Scored, _ order: Permutation?, _ compensation: SiteCompensation?, _ refiner: (any MaskRefiner)?
    ) throws -> Masked {
        func compress(_ weight: Tensor, _ bits: [UInt8], _ order: Permutation?) throws -> SparseMatrix {
            let bitmask = try Tensor(
                elementType: .uint8, shape: [entry.linear.rows, (entry.linear.columns + 7) / 8],
                storage: ByteStorage(copying: bits))
            return try SparseMatrix.compress(weight, bitmask: bitmask, pattern: settings.pattern, permutation: order)
        }
        guard let compensation else {
            var bits = try entry.scores.maskBits(pattern: settings.pattern, order: order, parallel: parallel)
            var figures: [String: Double] = [:]
            if let refiner {
                let error = try refiner.refine(&bits, of: entry.scores, parallel: parallel)
                // H is twice the mean of the products, so its error is, too.
                figures = ["outputErrorOfSaliency": error.before / 2, "outputError": error.after / 2]
            }
            return Masked(
                matrix: try compress(entry.weight, bits, order),
                retainedSaliency: try entry.scores.retainedShare(bits: bits, order: order),
                figures: figures)
        }
        let updated = try compensation.apply(
            to: entry.weight, of: entry.linear.name, saliency: try entry.scores.values(), pattern: settings.pattern,
            parallel: parallel)
        let matrix = try compress(updated.weight, updated.bits, nil)
        // The mask was chosen while weights changed, by no score that was fixed before.
        return Masked(
            matrix: matrix, retainedSaliency: nil,
            figures: ["damping": compensation.damping, "outputError": updated.error])
    }

    private func record(_ entry: Scored, _ masked: Masked, _ order: Permutation?) throws -> PrunedLinear {
        let matrix = masked.matrix
        let nonzero = try matrix.values.floats().count { $0 != 0 }
        return PrunedLinear(
            name: entry.linear.name, rows: matrix.rows, columns: matrix.columns, pattern: settings.pattern,
            density: Double(nonzero) / Double(matrix.rows * matrix.columns), permuted: order != nil,
            retainedSaliency: masked.retainedSaliency, statistics: masked.figures)
    }

    /// What became of the site's channels and outputs; its linears are in `pruned` already.
    private func diagnose(
        _ site: InputSite, block: Int, _ statistics: ChannelStatistics, _ hessian: Hessian?, _ order: Permutation?,
        _ scored: [Scored], pruned: PrunedBlock
    ) throws -> SiteDiagnostics {
        var diagnostics = SiteDiagnostics(
            block: block, site: site.name, statistics: statistics, method: settings.method, order: order)
        for entry in scored {
            guard case .sparse(let matrix)? = pruned.linears[entry.linear.name]?.matrix else { continue }
            try diagnostics.append(
                entry.linear.name, weight: entry.weight.floats(),
                pruned: matrix.decompressed(permutation: order).floats(), rows: entry.linear.rows,
                retainedSaliency: pruned.records.last { $0.name == entry.linear.name }?.retainedSaliency,
                hessian: hessian, parallel: parallel)
        }
        return diagnostics
    }

    /// The order of the site's channels, or nil where they keep theirs.
    private func shuffle(_ site: InputSite, _ scores: [any WeightScores]) throws -> Permutation? {
        if case .impossible = site.shuffle { return nil }
        let shuffle = ChannelShuffle(steps: settings.shuffle, local: LocalShuffle(blockSize: settings.blockSize))
        return try shuffle.search(
            scores, arithmetic: arithmetic, pattern: settings.pattern, parallel: parallel
        ).permutation
    }

    /// Permutes the rows and biases of the linears that write the site's input, so that its shuffle costs nothing.
    private func permuteRows(
        of producers: [LinearDescription], _ order: Permutation, block: inout PrunedBlock
    ) throws {
        for producer in producers {
            let weight = try block.linears[producer.name] ?? weights.linearWeight(producer.name)
            block.linears[producer.name] = weight.gatheringRows(order.order)
            if let bias = producer.biasName {
                block.biases[bias] = try weights.tensor(bias).gatheringRows(order.order)
            }
        }
    }
}
