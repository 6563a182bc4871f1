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
        /// At prune time: each of these rows (and bias elements), as many as the site has channels, are permuted, and the site's
        /// linears carry no permutation.
        case inProducers([LinearRows])
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
    /// How its channels can be shuffled.
    package let shuffle: Shuffle

    /// Describes a site with at least one product.
    package init(name: String, products: [LinearRows], shuffle: Shuffle) {
        precondition(products.allSatisfy { $0.linear.columns == products[0].linear.columns } && !products.isEmpty)
        self.name = name
        self.products = products
        var linears: [LinearDescription] = []
        for product in products where !linears.contains(product.linear) { linears.append(product.linear) }
        self.linears = linears
        self.shuffle = shuffle
    }

    /// Describes a site whose linears are multiplied by as they are stored; at least one.
    package init(name: String, linears: [LinearDescription], shuffle: Shuffle) {
        self.init(name: name, products: linears.map { LinearRows($0) }, shuffle: shuffle)
    }

    /// C: channels of the input.
    package var channels: Int { linears[0].columns }
}
