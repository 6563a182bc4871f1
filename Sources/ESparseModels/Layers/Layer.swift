// What every layer of a decoder block can do: describe itself, load itself onto a backend, and run.

package import ESparseCore

/// A layer as data. It reads `[T, D]`, and its output `[T, D]` is added to the residual stream.
package protocol LayerDescription: Sendable {
    /// The layer's tensors, in order of data flow.
    var tensors: [TensorDescription] { get }
    /// What the layer keeps of every token; nil for a layer that keeps nothing.
    var cachedHeads: CachedHeads? { get }

    /// The inputs of the layer's linears, in order of data flow; the layer's own input is the first.
    ///
    /// - Parameter inputShuffle: whether what stands before the layer can write its channels in another order.
    func sites(inputShuffle: InputSite.Shuffle) -> [InputSite]

    /// Loads the layer's tensors.
    ///
    /// - Throws: `ModelError` when a tensor is missing or different, or an input order cannot be given; errors of the
    ///   source and the backend.
    func load<B: Backend>(
        inputShuffle: InputSite.Shuffle, from reader: WeightReader, onto backend: B
    ) throws -> LoadedLayer<B>
}

extension LayerDescription {
    /// Most layers keep nothing.
    package var cachedHeads: CachedHeads? { nil }
}

/// Keys and values that a layer keeps of every token: two rows of K heads of S channels.
package struct CachedHeads: Sendable, Equatable {
    /// K: key/value heads.
    package let count: Int
    /// S: channels of a head.
    package let size: Int
}

/// A layer on a backend, and the order in which it expects its input's channels; nil is the original order.
package typealias LoadedLayer<B: Backend> = (layer: any Layer<B>, inputOrder: Permutation?)

/// A layer with its weights on a backend.
package protocol Layer<Place>: Sendable {
    /// Where it runs.
    associatedtype Place: Backend

    /// Runs the layer up to its last linear.
    ///
    /// - Parameters:
    ///   - input: `[T, D]`, in the order that the layer was loaded with.
    ///   - pass: the tokens, and who watches. The layer shows each of its sites before it runs the site's linears.
    ///   - cache: keys and values of earlier tokens; those of this pass are appended.
    /// - Throws: what `pass.reach` throws; the backend's error.
    func forward(
        _ input: consuming Place.Activation, pass: BlockPass<Place>, cache: inout Place.KeyValueCache
    ) throws -> LayerOutput<Place>
}

/// A layer's output `[T, D]` before its last product is taken: most models add that product to the residual stream straight away, some
/// normalise it first.
package struct LayerOutput<B: Backend> {
    /// What the last linear reads, `[T, C]`.
    package let input: B.Activation
    /// The last linear.
    package let linear: B.PreparedLinear

    /// Puts the last linear together with what it reads.
    package init(_ input: consuming B.Activation, times linear: B.PreparedLinear) {
        self.input = input
        self.linear = linear
    }
}

/// What one run of a block tells all its layers.
package struct BlockPass<B: Backend> {
    /// Thrown where a pass has seen the last site that it was asked for.
    struct Finished: Error {}

    /// Which tokens of which sequences the rows are.
    package let batch: TokenBatch
    /// The block's place in the cache.
    package let block: Int
    /// Name of the site that the pass ends at; nil for a pass through the whole block.
    let last: String?
    /// Receives each site's name and input.
    let observe: ((String, B.Activation) throws -> Void)?

    /// Shows the input `[T, C]` of the site of this name, before its linears run.
    ///
    /// - Throws: what the observer throws; `Finished` after the pass's last site.
    package func reach(_ site: String, _ input: B.Activation) throws {
        try observe?(site, input)
        if let last, last == site { throw Finished() }
    }
}
