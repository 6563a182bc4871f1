// Prunes the linears of one decoder block: saliency, shuffle and mask, site by site.

import ESparseCore
import ESparseFormats
import ESparseModels

/// Prunes blocks by one method and one set of settings.
struct BlockPruner<D: PruningDevice> {
    let settings: PruningSettings
    let weights: any WeightSource
    /// Number of the block, where diagnostics are to be gathered.
    let diagnosedBlock: Int?
    let times: PruningTimes
    /// Where weights are scored, shuffled and masked.
    let device: D
    let parallel: ParallelLoop

    private struct Scored {
        let linear: LinearDescription
        let weight: Tensor
        let saliency: D.Saliency
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
    func prune(_ sites: [InputSite], statistics: [String: SiteStatistics<D.Products>]) throws -> PrunedBlock {
        var block = PrunedBlock()
        for site in sites {
            try Interruption.check()
            try prune(site, statistics: statistics[site.name], into: &block)
        }
        return block
    }

    private func prune(
        _ site: InputSite, statistics: SiteStatistics<D.Products>?, into block: inout PrunedBlock
    ) throws {
        let selected = site.linears.filter { settings.selects($0.name) }
        guard let first = selected.first else { return }
        let masking = MaskedSite(
            name: first.name, device: device, products: statistics?.products, pattern: settings.pattern,
            parallel: parallel)
        let channels = try masking.completing(statistics?.channels, for: settings.requirement)
        let scored = try times.measure(.scoring) { try selected.map { try score($0, channels) } }
        let shuffled = try times.measure(.shuffle) { try shuffle(site, scored) }
        let order = shuffled?.channels
        if let order { masking.order = order }
        let isRuntime = if case .atRunTime = settings.shuffle(of: site) { true } else { false }
        let work = try times.measure(.mask) { try settings.stages.map { try $0.work.prepare(masking) } }
        for entry in scored {
            let masked = try times.measure(.mask) { try mask(entry, masking, work) }
            block.linears[entry.linear.name] = LinearWeight(
                matrix: .sparse(masked.matrix), permutation: isRuntime ? order : nil)
            block.records.append(
                try record(entry, masked, isPermuted: order != nil || settings.keepsStreamOrder(at: site)))
        }
        if let diagnosedBlock, let channels {
            block.diagnostics.append(
                try diagnose(site, block: diagnosedBlock, channels, masking, scored, pruned: block))
        }
        guard let shuffled else { return }
        // Linears of the site that stay dense read the same shuffled input.
        for linear in site.linears where !settings.selects(linear.name) {
            let columns = try weights.tensor(linear.name).gatheringColumns(shuffled.channels.order)
            block.linears[linear.name] = LinearWeight(
                matrix: .dense(columns), permutation: isRuntime ? shuffled.channels : nil)
        }
        if let rows = shuffled.rows { try permuteRows(rows, site, block: &block) }
    }

    private func score(_ linear: LinearDescription, _ statistics: ChannelStatistics?) throws -> Scored {
        let weight = try weights.tensor(linear.name)
        let saliency: D.Saliency
        if let factors = settings.method.channelFactors(statistics: statistics) {
            saliency = try device.saliency(of: weight, factors: factors)
        } else {
            let values = settings.method.saliency(
                weight: try weight.floats(), rows: linear.rows, columns: linear.columns, statistics: statistics)
            saliency = try device.saliency(of: weight, values: values)
        }
        if let index = try saliency.firstNonFinite() {
            throw PruningError.nonFiniteSaliency(
                linear: linear.name, row: index / linear.columns, column: index % linear.columns)
        }
        return Scored(linear: linear, weight: weight, saliency: saliency)
    }

    /// A new order of a site's channels, and of the rows before the site that stand for them.
    private struct Shuffled {
        let channels: Permutation
        /// Nil where the channels get their order while the model runs.
        var rows: (producers: ChannelProducers, order: Permutation)?
    }

    /// The new order of the site's channels, or nil where they keep theirs.
    private func shuffle(_ site: InputSite, _ scored: [Scored]) throws -> Shuffled? {
        let shuffle = settings.channelShuffle
        switch settings.shuffle(of: site) {
        case .impossible:
            return nil
        case .atRunTime:
            return try shuffle.search(scored.map(\.saliency), pattern: settings.pattern, parallel: parallel)
                .permutation.map { Shuffled(channels: $0) }
        case .inProducers(let producers):
            // A head that groups of M do not fill keeps its order: its channels would compete with those of the next head.
            guard producers.runLength % settings.pattern.group == 0 else { return nil }
            return try shuffle.search(
                scored.flatMap { try saliencies(of: $0, copies: producers) }, pattern: settings.pattern,
                runLength: producers.runLength, parallel: parallel
            ).permutation.map { Shuffled(channels: producers.channelOrder($0), rows: (producers, $0)) }
        }
    }

    /// The saliencies of the columns that each copy of the rows becomes: `copies` matrices `[R, P]`, whose channels share an order.
    private func saliencies(of scored: Scored, copies producers: ChannelProducers) throws -> [D.Saliency] {
        guard producers.copies > 1 else { return [scored.saliency] }
        let values = try Tensor(scored.saliency.hostValues(), shape: scored.weight.shape)
        return try (0..<producers.copies).map { copy in
            let channels = producers.channels(ofCopy: copy)
            return try device.saliency(
                of: scored.weight.gatheringColumns(channels), values: values.gatheringColumns(channels).floats())
        }
    }

    /// The linear with only its kept weights, after all stages.
    private func mask(
        _ entry: Scored, _ site: MaskedSite<D>, _ work: [(inout MaskedLinear<D>) throws -> Void]
    ) throws -> Masked {
        var linear = MaskedLinear<D>(name: entry.linear.name, weight: entry.weight, saliency: entry.saliency)
        for step in work { try step(&linear) }
        let bits = try linear.bits(in: site)
        let bitmask = try Tensor(
            elementType: .uint8, shape: [entry.linear.rows, (entry.linear.columns + 7) / 8],
            storage: ByteStorage(copying: bits))
        let matrix = try SparseMatrix.compress(
            linear.weight, bitmask: bitmask, pattern: settings.pattern, permutation: linear.isUpdated ? nil : site.order
        )
        // Updated weights changed while the mask was chosen: no saliency that was fixed before chose it.
        let retained = try linear.isUpdated ? nil : entry.saliency.retainedShare(bits: bits, order: site.order)
        return Masked(matrix: matrix, retainedSaliency: retained, figures: linear.figures)
    }

    private func record(_ entry: Scored, _ masked: Masked, isPermuted: Bool) throws -> PrunedLinear {
        let matrix = masked.matrix
        let nonzero = try matrix.values.floats().count { $0 != 0 }
        return PrunedLinear(
            name: entry.linear.name, rows: matrix.rows, columns: matrix.columns, pattern: settings.pattern,
            density: Double(nonzero) / Double(matrix.rows * matrix.columns), permuted: isPermuted,
            retainedSaliency: masked.retainedSaliency, statistics: masked.figures)
    }

    /// What became of the site's channels and outputs; its linears are in `pruned` already.
    private func diagnose(
        _ site: InputSite, block: Int, _ statistics: ChannelStatistics, _ masking: MaskedSite<D>, _ scored: [Scored],
        pruned: PrunedBlock
    ) throws -> SiteDiagnostics {
        let order = masking.order
        var diagnostics = SiteDiagnostics(
            block: block, site: site.name, statistics: statistics, method: settings.method, order: order)
        for entry in scored {
            guard case .sparse(let matrix)? = pruned.linears[entry.linear.name]?.matrix else { continue }
            try diagnostics.append(
                entry.linear.name, weight: entry.weight.floats(),
                pruned: matrix.decompressed(permutation: order).floats(), rows: entry.linear.rows,
                retainedSaliency: pruned.records.last { $0.name == entry.linear.name }?.retainedSaliency,
                gram: masking.gram(), parallel: parallel)
        }
        return diagnostics
    }

    /// Permutes the rows and biases that write the site's input, so that its shuffle costs nothing.
    private func permuteRows(
        _ rows: (producers: ChannelProducers, order: Permutation), _ site: InputSite, block: inout PrunedBlock
    ) throws {
        block.orderedRows[site.name] = rows.order
        for producer in rows.producers.linears {
            let order = rows.producers.rowOrder(rows.order, of: producer)
            let weight = try block.linears[producer.name] ?? weights.linearWeight(producer.name)
            block.linears[producer.name] = weight.gatheringRows(order)
            if let bias = producer.biasName {
                block.biases[bias] = try (block.biases[bias] ?? weights.tensor(bias)).gatheringRows(order)
            }
        }
    }
}
