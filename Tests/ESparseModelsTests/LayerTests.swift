// A block of layers that no family has: nothing outside a layer knows which sites there are.

import ESparseCore
import ESparseModels
import ESparseReference
import ESparseTestSupport
import Testing

/// `y = x W^T`, with one site of its own.
private struct ProductDescription: LayerDescription {
    let site: String
    let linear: LinearDescription

    var tensors: [TensorDescription] { linear.tensors }

    func sites(inputShuffle: InputSite.Shuffle) -> [InputSite] {
        [InputSite(name: site, linears: [linear], shuffle: inputShuffle)]
    }

    func load<B: Backend>(
        inputShuffle: InputSite.Shuffle, from reader: WeightReader, onto backend: B
    ) throws -> LoadedLayer<B> {
        let (linears, order) = try backend.prepare(sites(inputShuffle: inputShuffle)[0], reader)
        return (Product<B>(site: site, linear: linears[0]), order)
    }
}

private struct Product<B: Backend>: Layer {
    typealias Place = B
    let site: String
    let linear: B.PreparedLinear

    func forward(
        _ input: consuming B.Activation, pass: BlockPass<B>, cache: inout B.KeyValueCache
    ) throws -> LayerOutput<B> {
        try pass.reach(site, input)
        return LayerOutput(input, times: linear)
    }
}

@Suite struct LayerTests {
    private let backend = ReferenceBackend()
    /// A norm that leaves vectors of mean square 1 as they are.
    private let norm = NormalizationDescription(
        kind: .rootMeanSquare, size: 2, epsilon: 0, weightName: nil, biasName: nil)

    private func layer(_ site: String, _ module: String) -> ProductDescription {
        ProductDescription(site: site, linear: LinearDescription(module, rows: 2, columns: 2, hasBias: false))
    }

    /// By hand: the norm of (3, 1) is (3, 1) / sqrt 5, added to (1, 1).
    @Test func aNormAfterALayerIsOfItsOutputAlone() throws {
        let weights = MemoryWeights(tensors: ["a.weight": try Tensor([3, 0, 0, 1], shape: [2, 2])])
        let block = try BlockDescription(layers: [ResidualLayerDescription(layer("first", "a"), after: norm)]).load(
            from: WeightReader(weights), onto: backend)
        var hidden = backend.activation([1, 1], channels: 2)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 1, keyValueHeadCount: 1, headSize: 2))
        try block.forward(hidden: &hidden, batch: .wholeSequence(1), layer: 0, cache: &cache)
        let found = backend.floats(of: hidden)
        let root = Float(5).squareRoot()
        #expect(abs(found[0] - 1 - 3 / root) < 1e-6 && abs(found[1] - 1 - 1 / root) < 1e-6)
    }

    /// By hand: rows 1 and 2 of four in the other order, those around them where they are.
    @Test func someRowsOfALinearArePermuted() throws {
        let rows = LinearRows(LinearDescription("a", rows: 4, columns: 2, hasBias: false), rows: 1..<3)
        let swapped = try #require(Permutation([1, 0]))
        var order: [Int32] = [3, 2, 1, 0]
        rows.permute(&order, by: swapped)
        #expect(order == [3, 1, 2, 0])
        let weight = LinearWeight(matrix: .dense(try Tensor([0, 1, 2, 3, 4, 5, 6, 7], shape: [4, 2])))
        guard case .dense(let part) = rows.part(of: weight).matrix else { return }
        #expect(part.shape == [2, 2])
        #expect(try part.floats() == [2, 3, 4, 5])
    }

    /// Three layers: the first reads a norm, the second the stream, the third's sum is normalised.
    private func makeBlock() -> BlockDescription {
        BlockDescription(layers: [
            ResidualLayerDescription(layer("first", "a"), before: norm),
            ResidualLayerDescription(layer("second", "b")),
            ResidualLayerDescription(layer("third", "c"), before: norm, ofSum: norm),
        ])
    }

    /// The output and the observations for the stream (1, -1).
    private func run(through: String? = nil) throws -> (output: [Float], seen: [String], inputs: [[Float]]) {
        let weights = MemoryWeights(tensors: [
            "a.weight": try Tensor([1, 0, 0, 1], shape: [2, 2]), "b.weight": try Tensor([0, 1, 0, 0], shape: [2, 2]),
            "c.weight": try Tensor([0, 0, 0, 0], shape: [2, 2]),
        ])
        let block = try makeBlock().load(from: WeightReader(weights), onto: backend)
        var hidden = backend.activation([1, -1], channels: 2)
        var cache = try backend.makeCache(
            CacheDescription(layerCount: 1, sequenceCount: 1, capacity: 1, keyValueHeadCount: 1, headSize: 2))
        var (seen, inputs) = ([String](), [[Float]]())
        try block.forward(hidden: &hidden, batch: .wholeSequence(1), layer: 0, cache: &cache, through: through) {
            seen.append($0)
            inputs.append(backend.floats(of: $1))
        }
        return (backend.floats(of: hidden), seen, inputs)
    }

    @Test func aBlockHasTheSitesOfItsLayers() {
        let block = makeBlock()
        #expect(block.sites.map(\.name) == ["first", "second", "third"])
        #expect(block.tensors.map(\.name) == ["a.weight", "b.weight", "c.weight"])
        #expect(block.cachedHeads == nil)
        let canShuffle = block.sites.map { if case .atRunTime = $0.shuffle { true } else { false } }
        #expect(canShuffle == [true, false, true])
    }

    /// By hand: (1, -1) + (1, -1) = (2, -2), then + (-2, 0) = (0, -2), whose norm is (0, -sqrt 2): what the third layer
    /// reads, and, as it adds nothing, what the block gives.
    @Test func layersRunInOrder() throws {
        let (output, seen, inputs) = try run()
        #expect(seen == ["first", "second", "third"])
        #expect(inputs[0] == [1, -1] && inputs[1] == [2, -2])
        for found in [inputs[2], output] {
            #expect(found[0] == 0 && abs(found[1] + Float(2).squareRoot()) < 1e-6)
        }
    }

    @Test func aPassEndsAtAnySite() throws {
        #expect(try run(through: "second").seen == ["first", "second"])
        #expect(try run(through: "second").output == [2, -2])
    }
}
