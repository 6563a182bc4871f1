// A layer on the residual stream: which norms stand around it.

import ESparseCore

/// A layer whose output is added to the residual stream, and the norms before it, after it and after the sum.
package struct ResidualLayerDescription: Sendable {
    /// The layer between the norms.
    package let layer: any LayerDescription
    /// Normalises what the layer reads (LLaMA, most OPT); nil where it reads the residual stream itself.
    package let normalizationBefore: NormalizationDescription?
    /// Normalises the layer's output before it is added (Gemma 2 and 3, OLMo 2).
    package let normalizationAfter: NormalizationDescription?
    /// Normalises the residual stream once the layer's output was added (OPT-350m).
    package let normalizationOfSum: NormalizationDescription?

    /// Puts norms around a layer.
    package init(
        _ layer: any LayerDescription, before: NormalizationDescription? = nil,
        after: NormalizationDescription? = nil, ofSum: NormalizationDescription? = nil
    ) {
        self.layer = layer
        normalizationBefore = before
        normalizationAfter = after
        normalizationOfSum = ofSum
    }

    /// The norms, in order of data flow.
    package var normalizations: [NormalizationDescription] {
        [normalizationBefore, normalizationAfter, normalizationOfSum].compactMap(\.self)
    }

    /// The layer's sites. A norm before the layer can write its input in any order; the residual stream keeps its own.
    package var sites: [InputSite] { layer.sites(inputShuffle: inputShuffle) }

    private var inputShuffle: InputSite.Shuffle { normalizationBefore == nil ? .impossible : .atRunTime }

    /// Loads the layer and its norms.
    ///
    /// - Throws: as `LayerDescription.load`.
    func load<B: Backend>(from reader: WeightReader, onto backend: B) throws -> ResidualLayer<B> {
        let (layer, order) = try layer.load(inputShuffle: inputShuffle, from: reader, onto: backend)
        return ResidualLayer(
            backend: backend,
            normalizationBefore: try normalizationBefore.map { try backend.prepare($0, order: order, reader) },
            layer: layer,
            normalizationAfter: try normalizationAfter.map { try backend.prepare($0, order: nil, reader) },
            normalizationOfSum: try normalizationOfSum.map { try backend.prepare($0, order: nil, reader) })
    }
}

/// A layer and its norms on a backend.
struct ResidualLayer<B: Backend>: Sendable {
    let backend: B
    let normalizationBefore: B.PreparedNormalization?
    let layer: any Layer<B>
    let normalizationAfter: B.PreparedNormalization?
    let normalizationOfSum: B.PreparedNormalization?

    /// Replaces the residual stream `[T, D]` by the one after the layer.
    ///
    /// - Throws: what `pass.reach` throws; the backend's error.
    func forward(_ hidden: inout B.Activation, pass: BlockPass<B>, cache: inout B.KeyValueCache) throws {
        let output = try layer.forward(input(from: hidden), pass: pass, cache: &cache)
        if let normalizationAfter {
            let product = try backend.multiply(output.input, by: output.linear)
            try backend.add(backend.normalize(product, with: normalizationAfter), to: &hidden)
        } else {
            try backend.multiply(output.input, by: output.linear, addingTo: &hidden)
        }
        if let normalizationOfSum { hidden = try backend.normalize(hidden, with: normalizationOfSum) }
    }

    private func input(from hidden: B.Activation) throws -> B.Activation {
        try normalizationBefore.map { try backend.normalize(hidden, with: $0) } ?? hidden
    }
}
