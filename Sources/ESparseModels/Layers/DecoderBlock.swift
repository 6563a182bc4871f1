// A decoder block: its layers, one after the other, each added to the residual stream.

package import ESparseCore

/// A decoder block as data.
package struct BlockDescription: Sendable {
    /// The layers, in order of data flow.
    package let layers: [ResidualLayerDescription]

    /// Puts a block together from its layers.
    package init(layers: [ResidualLayerDescription]) { self.layers = layers }

    /// The inputs of the block's linears, in order of data flow.
    package var sites: [InputSite] { layers.flatMap(\.sites) }

    /// The inputs of the block's layers, which are in the residual stream's order of channels.
    package var residualSites: [InputSite] { layers.compactMap(\.sites.first) }

    /// All tensors of the block: the norms first.
    package var tensors: [TensorDescription] {
        layers.flatMap { $0.normalizations.flatMap(\.tensors) } + layers.flatMap(\.layer.tensors)
    }

    /// What the block keeps of every token; nil where no layer keeps anything.
    package var cachedHeads: CachedHeads? {
        let kept = layers.compactMap(\.layer.cachedHeads)
        precondition(kept.count <= 1, "a block has one place in the cache, which two layers would share")
        return kept.first
    }

    /// Loads all layers.
    ///
    /// - Throws: as `LayerDescription.load`.
    package func load<B: Backend>(from reader: WeightReader, onto backend: B) throws -> DecoderBlock<B> {
        DecoderBlock(layers: try layers.map { try $0.load(from: reader, onto: backend) })
    }
}

/// A decoder block with its weights on a backend.
package struct DecoderBlock<B: Backend>: Sendable {
    let layers: [ResidualLayer<B>]

    /// Runs the block on the tokens of `batch`.
    ///
    /// - Parameters:
    ///   - hidden: the residual stream `[T, D]`, replaced by the block's output.
    ///   - batch: which tokens of which sequences the rows are.
    ///   - layer: the block's place in `cache`.
    ///   - cache: keys and values of earlier tokens; those of this batch are appended.
    ///   - through: stops after the site of this name was observed, before its linears run; `hidden` is then of no use.
    ///   - observe: receives each site's name and input, `[T, C]`, in the order the linears expect.
    /// - Throws: what `observe` throws; the backend's error.
    package func forward(
        hidden: inout B.Activation, batch: TokenBatch, layer: Int, cache: inout B.KeyValueCache,
        through last: String? = nil, observe: ((String, B.Activation) throws -> Void)? = nil
    ) throws {
        let pass = BlockPass<B>(batch: batch, block: layer, last: last, observe: observe)
        do {
            for layer in layers { try layer.forward(&hidden, pass: pass, cache: &cache) }
        } catch is BlockPass<B>.Finished {}
    }
}

extension ModelArchitecture {
    /// Loads one decoder block.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different, or an input order cannot be given; errors of the
    ///   source and the backend.
    package func loadBlock<B: Backend>(
        _ index: Int, from weights: any WeightSource, onto backend: B
    ) throws -> DecoderBlock<B> {
        try blocks[index].load(from: WeightReader(weights), onto: backend)
    }
}
