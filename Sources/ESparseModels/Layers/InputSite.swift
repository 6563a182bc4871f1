// The places of a decoder block where linears read their input: what pruning collects statistics on and shuffles.

/// The linears of a block that read one input `[T, C]`, and how that input can be put in another order.
///
/// A layer names its own sites. Nothing outside the layers knows which there are: whoever prunes, measures or reports takes
/// the sites that a block has, and tells them apart by name.
package struct InputSite: Sendable {
    /// How the site's channels get into a permuted order.
    package enum Shuffle: Sendable {
        /// While the model runs: the norm or the attention before the site writes in the order that the linears'
        /// `LinearWeight.permutation` asks for.
        case atRunTime
        /// At prune time: rows (and bias elements) of the linears before the site are permuted, and the site's linears carry no
        /// permutation.
        case inProducers(ChannelProducers)
        /// Not at all: the input is also the residual stream, which has no order of its own.
        case impossible
    }

    /// What calibration, diagnostics and errors call the site, such as "attention-input"; no other site of the block has
    /// the name.
    package let name: String
    /// What the model multiplies the input by, each a product of its own; all have the same number of columns.
    package let products: [LinearRows]
    /// The linears that read it, as the checkpoint stores them, each once.
    package let linears: [LinearDescription]
    /// How its channels can be shuffled where the runtime helps.
    package let shuffle: Shuffle
    /// How its channels can be shuffled where any runtime shall run the result, so never `.atRunTime`. The input of a layer is
    /// `.impossible`: it has the order of the residual stream, which is one for the whole model.
    package let absorbedShuffle: Shuffle

    /// Describes a site with at least one product. `producers` are the rows that are the site's channels, where there are such and
    /// `shuffle` does not name them.
    package init(name: String, products: [LinearRows], shuffle: Shuffle, producers: ChannelProducers? = nil) {
        precondition(products.allSatisfy { $0.linear.columns == products[0].linear.columns } && !products.isEmpty)
        self.name = name
        self.products = products
        var linears: [LinearDescription] = []
        for product in products where !linears.contains(product.linear) { linears.append(product.linear) }
        self.linears = linears
        self.shuffle = shuffle
        if case .inProducers = shuffle {
            absorbedShuffle = shuffle
        } else {
            absorbedShuffle = producers.map { .inProducers($0) } ?? .impossible
        }
    }

    /// Describes a site whose linears are multiplied by as they are stored; at least one.
    package init(
        name: String, linears: [LinearDescription], shuffle: Shuffle, producers: ChannelProducers? = nil
    ) {
        self.init(name: name, products: linears.map { LinearRows($0) }, shuffle: shuffle, producers: producers)
    }

    /// C: channels of the input.
    package var channels: Int { linears[0].columns }
}
